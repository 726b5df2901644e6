// The four tyres: temperatures, pressure, wear, slip, and brakes.

import { FULL_SLIP, temperatureBand, wearLevel } from "./thresholds.js";
import { Bar, Mark, Text, element, figure, percent } from "./text.js";

const MOST_SLIP = 99; // glitches of the game reach a million
const WHEELS = ["FL", "FR", "RL", "RR"];

/** One tyre's tile, made from the page's template. */
class Tyre {
  constructor(name) {
    const tile = element("tyre-template").content.cloneNode(true).firstElementChild;
    const part = (key) => tile.querySelector(`[data-part="${key}"]`);
    tile.dataset.wheel = name;
    tile.setAttribute("aria-label", tile.getAttribute("aria-label").replace("?", name));
    part("name").textContent = name;
    this.core = new Text(part("core"));
    this.coreBand = new Mark(part("core"), "band");
    this.strips = ["inner", "middle", "outer"].map((zone) => ({
      field: `tyre_temp_${zone}`,
      text: new Text(part(zone)),
      band: new Mark(part(zone).parentElement, "band"),
    }));
    this.pressure = new Text(part("pressure"));
    this.worn = new Text(part("worn"));
    this.wornBar = new Bar(part("worn-bar"));
    this.wornLevel = new Mark(part("worn-box"), "level");
    this.slip = new Text(part("slip"));
    this.slipBar = new Bar(part("slip-bar"));
    this.slipLevel = new Mark(part("slip-box"), "level");
    this.ratio = new Text(part("ratio"));
    this.brake = new Text(part("brake"));
    this.locked = new Mark(tile, "locked");
    element("tyres").append(tile);
  }

  draw(sample, wheel) {
    const slip = sample.wheel_slip[wheel];
    this.slipBar.set(slip / FULL_SLIP);
    this.slipLevel.set(slip > 1 ? "bad" : "good");
    this.locked.set(sample.wheel_locked[wheel] ? "yes" : "no");
  }

  drawSlowly(sample, wheel) {
    const core = sample.tyre_core_temp[wheel];
    this.core.set(figure(core));
    this.coreBand.set(temperatureBand(core));
    for (const { field, text, band } of this.strips) {
      const celsius = sample[field][wheel];
      text.set(figure(celsius));
      band.set(temperatureBand(celsius));
    }
    this.pressure.set(figure(sample.wheel_pressure[wheel], 1));
    const worn = sample.tyre_worn[wheel];
    this.worn.set(percent(worn));
    this.wornBar.set(worn);
    this.wornLevel.set(wearLevel(worn));
    const slip = sample.wheel_slip[wheel];
    this.slip.set(slip > MOST_SLIP ? `> ${MOST_SLIP}` : figure(slip, 2));
    this.ratio.set(figure(sample.slip_ratio[wheel], 2));
    this.brake.set(figure(sample.brake_temp[wheel]));
  }
}

export class TyrePanel {
  constructor() {
    this.tyres = WHEELS.map((name) => new Tyre(name));
    this.compound = new Text("compound");
  }

  draw(sample) {
    this.tyres.forEach((tyre, wheel) => tyre.draw(sample, wheel));
  }

  drawSlowly(sample) {
    this.tyres.forEach((tyre, wheel) => tyre.drawSlowly(sample, wheel));
    this.compound.set(sample.tyre_compound);
  }
}
