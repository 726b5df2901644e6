// Lap and sector times, and how far behind or ahead of the best lap.

import { FULL_DELTA } from "./thresholds.js";
import { CentredBar, DASH, Mark, Text, element, gap, lapTime, sectorTime } from "./text.js";

const MOST_SECTORS = 6; // that there is room for

export class LapPanel {
  constructor(laps) {
    this.laps = laps;
    this.time = new Text("lap-time");
    this.valid = new Mark("lap", "valid");
    this.number = new Text("lap-number");
    this.position = new Text("lap-position");
    this.delta = new Text("delta");
    this.deltaTrend = new Mark("delta-box", "trend");
    this.deltaBar = new CentredBar("delta-bar");
    this.reference = new Text("delta-reference");
    this.official = ["last", "best"].map((name) => ({
      field: `${name}_time`,
      text: new Text(`${name}-time`),
      known: new Mark(`${name}-time`, "known"),
    }));
    this.cells = [];
    this.build(3);
  }

  /** The cells of the sectors; built anew only on another track. */
  build(count) {
    const list = element("sectors");
    list.replaceChildren();
    this.cells = Array.from({ length: count }, (_, index) => {
      const cell = list.appendChild(document.createElement("li"));
      const name = cell.appendChild(document.createElement("span"));
      name.className = "label";
      name.textContent = `S${index + 1}`;
      const time = cell.appendChild(document.createElement("b"));
      const gained = cell.appendChild(document.createElement("small"));
      return { time: new Text(time), gain: new Text(gained), state: new Mark(cell, "state") };
    });
  }

  draw(sample) {
    this.time.set(lapTime(sample.current_time));
    const { delta, best } = this.laps;
    // The game's own delta stands in until a whole lap was driven before the page's eyes.
    const shown = delta ?? (sample.performance_meter || null);
    this.delta.set(shown === null ? DASH : gap(shown));
    this.deltaBar.set(shown === null ? 0 : shown / FULL_DELTA);
    this.deltaTrend.set(shown === null ? "none" : shown < 0 ? "ahead" : "behind");
    const without = shown === null ? "from the second valid lap on" : "as the game has it";
    this.reference.set(best ? `to ${lapTime(best.time)}, best lap seen` : without);
  }

  drawSlowly(sample) {
    const count = Math.min(Math.max(sample.sector_count, 1), MOST_SECTORS);
    if (count !== this.cells.length) this.build(count);
    this.valid.set(sample.is_lap_valid === false ? "no" : "yes");
    this.number.set(`${sample.completed_laps + 1}${of(sample.number_of_laps)}`);
    this.position.set(sample.position > 0 ? `${sample.position}${of(sample.num_cars)}` : DASH);
    for (const { field, text, known } of this.official) {
      text.set(lapTime(sample[field]));
      known.set(sample[field] > 0 ? "yes" : "no");
    }
    this.cells.forEach((cell, index) => this.drawSector(cell, this.laps.sectors[index], index));
  }

  drawSector(cell, sector, index) {
    const running = index === this.laps.sectorIndex;
    cell.time.set(sectorTime(sector?.time));
    cell.gain.set(sector?.gain == null ? "\u00a0" : gap(sector.gain / 1000));
    cell.state.set(`${result(sector)}${sector?.old ? " old" : ""}${running ? " running" : ""}`);
  }
}

/** What there is to say of a sector: the best of all seen, ahead of the best lap's or behind it. */
function result(sector) {
  if (!sector?.time) return "none";
  if (sector.best) return "best";
  if (sector.gain === null) return "plain";
  return sector.gain < 0 ? "ahead" : "behind";
}

function of(count) {
  return count > 0 ? ` / ${count}` : "";
}
