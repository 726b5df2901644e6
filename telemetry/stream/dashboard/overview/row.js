// One rig as a row of the table.

import { Bar, DataAttribute, TextElement, findElement } from "../ui/elements.js";
import { DASH, displayName, formatLapTime, formatNumber } from "../ui/format.js";
import { bestNote, gapText, healthText, lapNote, lapText, placeText, stateColour, stateWord, trackText } from "./texts.js";

const TEXTS = {
  host: (rig) => (rig.host && rig.host !== rig.name ? rig.host : ""),
  state: stateWord,
  message: (rig) => (rig.state === "live" ? "" : rig.message),
  driver: (rig) => rig.driver || DASH,
  car: (rig) => displayName(rig.car ?? ""),
  track: trackText,
  session: (rig) => displayName(rig.session ?? ""),
  lap: lapText,
  "lap-note": lapNote,
  last: (rig) => formatLapTime(rig.last_ms),
  best: (rig) => formatLapTime(rig.best_ms),
  "best-note": bestNote,
  gap: gapText,
  place: placeText,
  speed: (rig) => formatNumber(rig.speed_kmh),
  rate: (rig) => formatNumber(rig.rate_hz),
  health: healthText,
};

export class RigRow {
  /** A row for the rig of this name; `query` is what its page is opened with. */
  constructor(name, query) {
    const row = findElement("rig-template").content.firstElementChild.cloneNode(true);
    const find = (part) => row.querySelector(`[data-part="${part}"]`);
    this.element = row;
    row.dataset.rig = name;
    const link = find("name");
    link.textContent = name;
    link.href = `rigs/${encodeURIComponent(name)}/${query}`;
    this.texts = Object.entries(TEXTS).map(([part, text]) => [new TextElement(find(part)), text]);
    this.progress = new Bar(find("progress"));
    this.colour = new DataAttribute(find("badge"), "colour");
    this.connected = new DataAttribute(row, "connected");
    this.valid = new DataAttribute(row, "valid");
  }

  /** Show this rig, among all rigs. */
  draw(rig, rigs) {
    for (const [element, text] of this.texts) element.set(text(rig, rigs));
    this.progress.set(rig.lap_fraction ?? 0);
    this.colour.set(stateColour(rig));
    this.connected.set(rig.connected ? "yes" : "no");
    this.valid.set(rig.lap_valid === false ? "no" : "yes");
  }
}
