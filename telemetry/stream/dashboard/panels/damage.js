// Damage of the bodywork by zone.

import { DataAttribute, TextElement } from "../ui/elements.js";
import { formatPercent } from "../ui/format.js";

const ZONES = ["front", "rear", "left", "right", "overall"];

export class DamagePanel {
  constructor(limits) {
    this.limits = limits;
    this.zones = ZONES.map((zone) => ({
      text: new TextElement(`damage-${zone}`),
      level: new DataAttribute(`zone-${zone}`, "level"),
    }));
  }

  drawText(sample) {
    this.zones.forEach(({ text, level }, index) => {
      const damage = sample.damage_level[index];
      text.set(`${formatPercent(damage)} %`);
      level.set(this.limits.damageLevel(damage));
    });
  }
}
