// The four tyres: temperatures, pressure, wear, slip, and brakes.

import { Bar, DataAttribute, TextElement, findElement } from "../ui/elements.js";
import { formatNumber, formatPercent } from "../ui/format.js";

const MAX_SLIP = 99; // glitches of the game reach a million
const WHEELS = ["FL", "FR", "RL", "RR"];

/** One tyre's tile, made from the page's template. */
class Tyre {
  constructor(name, limits) {
    this.limits = limits;
    const tile = findElement("tyre-template").content.cloneNode(true).firstElementChild;
    const part = (key) => tile.querySelector(`[data-part="${key}"]`);
    tile.dataset.wheel = name;
    tile.setAttribute("aria-label", tile.getAttribute("aria-label").replace("?", name));
    part("name").textContent = name;
    this.core = new TextElement(part("core"));
    this.coreBand = new DataAttribute(part("core"), "band");
    this.strips = ["inner", "middle", "outer"].map((zone) => ({
      field: `tyre_temp_${zone}`,
      text: new TextElement(part(zone)),
      band: new DataAttribute(part(zone).parentElement, "band"),
    }));
    this.pressure = new TextElement(part("pressure"));
    this.worn = new TextElement(part("worn"));
    this.wornBar = new Bar(part("worn-bar"));
    this.wornLevel = new DataAttribute(part("worn-box"), "level");
    this.slip = new TextElement(part("slip"));
    this.slipBar = new Bar(part("slip-bar"));
    this.slipLevel = new DataAttribute(part("slip-box"), "level");
    this.ratio = new TextElement(part("ratio"));
    this.brake = new TextElement(part("brake"));
    this.locked = new DataAttribute(tile, "locked");
    findElement("tyres").append(tile);
  }

  draw(sample, wheel) {
    const slip = sample.wheel_slip[wheel];
    this.slipBar.set(this.limits.slipFraction(slip));
    this.slipLevel.set(this.limits.slipLevel(slip));
    this.locked.set(sample.wheel_locked[wheel] ? "yes" : "no");
  }

  drawText(sample, wheel) {
    const core = sample.tyre_core_temp[wheel];
    this.core.set(formatNumber(core));
    this.coreBand.set(this.limits.temperatureBand(core));
    for (const { field, text, band } of this.strips) {
      const celsius = sample[field][wheel];
      text.set(formatNumber(celsius));
      band.set(this.limits.temperatureBand(celsius));
    }
    this.pressure.set(formatNumber(sample.wheel_pressure[wheel], 1));
    const worn = sample.tyre_worn[wheel];
    this.worn.set(formatPercent(worn));
    this.wornBar.set(worn);
    this.wornLevel.set(this.limits.wearLevel(worn));
    const slip = sample.wheel_slip[wheel];
    this.slip.set(slip > MAX_SLIP ? `> ${MAX_SLIP}` : formatNumber(slip, 2));
    this.ratio.set(formatNumber(sample.slip_ratio[wheel], 2));
    this.brake.set(formatNumber(sample.brake_temp[wheel]));
  }
}

export class TyrePanel {
  constructor(limits) {
    this.tyres = WHEELS.map((name) => new Tyre(name, limits));
    this.compound = new TextElement("compound");
  }

  draw(sample) {
    this.tyres.forEach((tyre, wheel) => tyre.draw(sample, wheel));
  }

  drawText(sample) {
    this.tyres.forEach((tyre, wheel) => tyre.drawText(sample, wheel));
    this.compound.set(sample.tyre_compound);
  }
}
