// Lap and sector times, and how far behind or ahead of the best lap.

import { CentredBar, DataAttribute, TextElement, findElement } from "../ui/elements.js";
import { DASH, formatDelta, formatLapTime, formatNumber, formatSectorTime } from "../ui/format.js";

const MAX_SECTORS = 6; // that there is room for

export class LapPanel {
  constructor(sectorTimes, limits) {
    this.sectorTimes = sectorTimes;
    this.limits = limits;
    this.time = new TextElement("lap-time");
    this.valid = new DataAttribute("lap", "valid");
    this.number = new TextElement("lap-number");
    this.position = new TextElement("lap-position");
    this.delta = new TextElement("delta");
    this.deltaTrend = new DataAttribute("delta-box", "trend");
    this.deltaBar = new CentredBar("delta-bar");
    this.reference = new TextElement("delta-reference");
    this.gain = new TextElement("segment-gain");
    this.gain.set("");
    this.gainTrend = new DataAttribute("segment-gain", "trend");
    this.referenceLap = null; // {name, time_ms} of a lap out of a file
    this.official = ["last", "best"].map((name) => ({
      field: `${name}_time`,
      text: new TextElement(`${name}-time`),
      known: new DataAttribute(`${name}-time`, "known"),
    }));
    this.cells = [];
    this.build(3);
  }

  /** The lap out of a file that the server compares with. */
  onReference(message) {
    this.referenceLap = message;
    this.gain.set("");
  }

  /** A corner, or a part of the lap, is done. */
  onSegment({ label, corner, lost_s: lost }) {
    this.gain.set(`${corner === null ? label : `T${corner}`} ${formatNumber(lost, 2, true)}`);
    this.gainTrend.set(Math.abs(lost) < 0.005 ? "none" : lost < 0 ? "ahead" : "behind");
  }

  /** The cells of the sectors; built again only on another track. */
  build(count) {
    const list = findElement("sectors");
    list.replaceChildren();
    this.cells = Array.from({ length: count }, (_, index) => {
      const cell = list.appendChild(document.createElement("li"));
      const name = cell.appendChild(document.createElement("span"));
      name.className = "label";
      name.textContent = `S${index + 1}`;
      const time = cell.appendChild(document.createElement("b"));
      const delta = cell.appendChild(document.createElement("small"));
      return { time: new TextElement(time), delta: new TextElement(delta), state: new DataAttribute(cell, "state") };
    });
  }

  draw(sample) {
    this.time.set(formatLapTime(sample.current_time));
    const delta = shownDelta(sample);
    this.delta.set(delta === null ? DASH : formatDelta(delta));
    this.deltaBar.set(delta === null ? 0 : this.limits.deltaFraction(delta));
    this.deltaTrend.set(delta === null ? "none" : delta < 0 ? "ahead" : "behind");
    const noReference = delta === null ? "from the second valid lap on" : "as the game has it";
    const { reference_ms: time } = sample;
    const name = this.referenceLap && this.referenceLap.time_ms === time ? this.referenceLap.name : "best lap seen";
    this.reference.set(time ? `to ${formatLapTime(time)}, ${name}` : time === undefined ? "" : noReference);
  }

  drawText(sample) {
    const count = Math.min(Math.max(sample.sector_count, 1), MAX_SECTORS);
    if (count !== this.cells.length) this.build(count);
    this.valid.set(sample.is_lap_valid === false ? "no" : "yes");
    this.number.set(`${sample.completed_laps + 1}${ofCount(sample.number_of_laps)}`);
    this.position.set(sample.position > 0 ? `${sample.position}${ofCount(sample.num_cars)}` : DASH);
    for (const { field, text, known } of this.official) {
      text.set(formatLapTime(sample[field]));
      known.set(sample[field] > 0 ? "yes" : "no");
    }
    this.cells.forEach((cell, index) => this.drawSector(cell, this.sectorTimes.sectors[index], index));
  }

  drawSector(cell, sector, index) {
    const running = index === this.sectorTimes.sectorIndex;
    cell.time.set(formatSectorTime(sector?.time));
    cell.delta.set(sector?.delta == null ? "\u00a0" : formatDelta(sector.delta / 1000));
    cell.state.set(`${sectorResult(sector)}${sector?.previousLap ? " previous" : ""}${running ? " running" : ""}`);
  }
}

/** The server's delta in seconds, else the game's own until there is a reference lap; null without both. */
function shownDelta(sample) {
  if (sample.delta_s === undefined) return null; // a server that computes none
  return sample.delta_s ?? (sample.performance_meter || null);
}

/** What there is to say of a sector: the best of all seen, ahead of the best lap's or behind it. */
function sectorResult(sector) {
  if (!sector?.time) return "none";
  if (sector.best) return "best";
  if (sector.delta === null) return "plain";
  return sector.delta < 0 ? "ahead" : "behind";
}

function ofCount(count) {
  return count > 0 ? ` / ${count}` : "";
}
