// The page: the choice of a lap, the slider, the values under the cursor and the dot on the map.

import { formatNumber } from "../../../stream/dashboard/ui/format.js";
import { cornerAt, decodeNumbers, gearName, nearestIndex } from "./model.js";
import { TracePlots } from "./traces.js";

const CHANNELS = ["delta_s", "speed_kmh", "gas", "brake", "gear", "steer_angle"];

const READOUT = [
  ["delta", "s", "delta_s", (value) => formatNumber(value, 3, true)],
  ["speed", "km/h", "speed_kmh", (value) => formatNumber(value, 1)],
  ["throttle", "%", "gas", (value) => formatNumber(value)],
  ["brake", "%", "brake", (value) => formatNumber(value)],
  ["gear", "", "gear", gearName],
  ["steering", "%", "steer_angle", (value) => formatNumber(value, 1, true)],
];

function element(name, options = {}, ...children) {
  const made = Object.assign(document.createElement(name), options);
  made.append(...children);
  return made;
}

/** The data of the page with all numbers decoded. */
function readData() {
  const data = JSON.parse(document.getElementById("data").textContent);
  if (!data) return null;
  for (const name of ["places", "x", "z"]) data[name] = decodeNumbers(data[name]);
  for (const lap of data.laps) for (const name of CHANNELS) lap[name] = decodeNumbers(lap[name]);
  return data;
}

/** The dot on the map; without a map it goes nowhere. */
function makeDot(data) {
  const dot = document.querySelector("#map .dot");
  return (index) => {
    const [x, z] = [data.x[index], data.z[index]];
    if (!dot || x === null || z === null) return;
    const { scale, x: left, y: top } = dot.dataset;
    dot.setAttribute("cx", Number(left) + Number(scale) * x);
    dot.setAttribute("cy", Number(top) + Number(scale) * z); // z points down on the game's own maps
  };
}

/** The table of the values of both laps at the cursor. */
function makeReadout(data) {
  const place = element("b", { id: "place" });
  const head = [element("th", { className: "tone-lap" }), element("th", { className: "tone-reference" })];
  const cells = READOUT.map(() => [element("td"), element("td")]);
  const rows = READOUT.map(([title, unit], at) => element("tr", {}, element("th", { textContent: unit ? `${title} ${unit}` : title }), ...cells[at]));
  const table = element("table", {}, element("thead", {}, element("tr", {}, element("th"), ...head)), element("tbody", {}, ...rows));
  document.getElementById("values").append(element("p", {}, place), table);
  return (index, lap) => {
    const metres = data.places[index];
    const corner = cornerAt(data.corners, metres);
    place.textContent = `${formatNumber(metres, data.unit === "m" ? 0 : 1)} ${data.unit}${corner ? `, ${corner.label}` : ""}`;
    [lap, data.reference].forEach((which, side) => {
      head[side].textContent = `lap ${data.laps[which].label}`;
      READOUT.forEach(([, , name, format], at) => {
        cells[at][side].textContent = name === "delta_s" && side === 1 ? "" : format(data.laps[which][name][index]);
      });
    });
  };
}

function start() {
  const data = readData();
  if (!data) return;
  document.documentElement.dataset.scripted = "yes";
  const showDot = makeDot(data);
  const showValues = makeReadout(data);
  const slider = element("input", { type: "range", min: 0, max: data.places.length - 1, step: 1, ariaLabel: "Place on the lap" });
  const choice = element("select", { ariaLabel: "Lap to look at" });
  data.laps.forEach((lap, at) => choice.append(element("option", { value: at, textContent: `lap ${lap.label}, ${lap.time}` })));
  choice.value = data.lap;
  const plots = new TracePlots(document.getElementById("plots"), data, (index) => {
    slider.value = index;
    showDot(index);
    showValues(index, Number(choice.value));
  });
  const best = data.laps[data.reference];
  document.getElementById("controls").append(
    element("label", { className: "key tone-lap" }, choice),
    element("span", { className: "key tone-reference", textContent: `against lap ${best.label}, ${best.time}` }),
    slider,
  );
  document.getElementById("plots").after(
    element("p", { className: "hint", textContent: "Drag over a trace to see a part of the lap, double-click to see all of it." }),
  );
  slider.addEventListener("input", () => plots.moveTo(Number(slider.value)));
  choice.addEventListener("change", () => plots.show(Number(choice.value)));
  plots.index = nearestIndex(data.places, data.start);
  plots.show(data.lap);
}

start();
