// The page's one loop: samples go into bounded memory as they come, and a frame is drawn of the newest.

import { readPalette } from "./canvas.js";
import { CarPanel, DamagePanel, LampPanel } from "./car_panels.js";
import { Connection, streamUrl } from "./connection.js";
import { DrivePanel } from "./drive.js";
import { ForceDiagram } from "./gg.js";
import { Health } from "./health.js";
import { LapPanel } from "./lap_panel.js";
import { Laps } from "./laps.js";
import { StatusBar } from "./status.js";
import { element } from "./text.js";
import { Traces } from "./traces.js";
import { TrackMap } from "./track_map.js";
import { TyrePanel } from "./tyres.js";

const SLOW_MS = 100; // between two writes of what nobody reads sixty times a second
const CALM_MS = 200; // between two frames of the moving parts for those who asked for less motion

readPalette();

const laps = new Laps();
const traces = new Traces();
const map = new TrackMap(laps);
const forces = new ForceDiagram();
const car = new CarPanel();
const lap = new LapPanel(laps);
const tyres = new TyrePanel();
const fast = [new DrivePanel(), lap, tyres];
const slow = [lap, tyres, map, forces, new DamagePanel(), new LampPanel(), car];
const moving = [traces, map, forces];
const memories = [laps, traces, map, forces];

const health = new Health(["localhost", "127.0.0.1", "[::1]"].includes(location.hostname));
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let newest = null;
let fresh = false;
let stale = false; // whether the slow panels show less than the newest sample
let redraw = true; // everything, whether there is a new sample or not
let slowAt = 0;
let movedAt = 0;

const connection = new Connection(streamUrl(location.href), {
  onSample(sample) {
    newest = sample;
    fresh = stale = status.sampled = true;
    health.add(sample, performance.now());
    for (const memory of memories) memory.add(sample);
  },
  onEvent(message) {
    if (message.type === "hello") status.hello(message);
    if (message.type === "state") status.game = message;
    if (message.type === "lap") {
      laps.judge(message);
      car.judge(message);
    }
    if (message.type === "error") console.warn(`The server says: ${message.message}`);
    redraw = true;
  },
  onChange() {
    if (connection.status === "open") health.restart();
    if (connection.status !== "open") status.game = null; // what it was need not be so any more
    redraw = true;
  },
});
const status = new StatusBar(connection, health);

function frame(now) {
  requestAnimationFrame(frame); // not called while the page is hidden
  const dimmed = !status.lively(now);
  const slowly = redraw || now - slowAt >= SLOW_MS;
  if (slowly) {
    slowAt = now;
    status.draw(newest, now);
  }
  if (newest && slowly && (stale || redraw)) {
    stale = false;
    for (const panel of slow) panel.drawSlowly(newest);
  }
  if (newest && (fresh || redraw)) {
    fresh = false;
    for (const panel of fast) panel.draw(newest);
    if (redraw || !calm.matches || now - movedAt >= CALM_MS) {
      movedAt = now;
      for (const panel of moving) panel.draw(dimmed);
    }
  }
  redraw = false;
}

/** Colours and sizes that canvases hold on to: after another theme or size they are taken anew. */
function restyle() {
  readPalette();
  traces.build();
  map.refresh();
  redraw = true;
}

let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(restyle, 150);
});
document.addEventListener("themechange", restyle);
element("theme").addEventListener("click", () => window.toggleTheme());
const fullscreen = element("fullscreen");
fullscreen.hidden = !document.fullscreenEnabled;
fullscreen.addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
});

restyle();
connection.open();
requestAnimationFrame(frame);
