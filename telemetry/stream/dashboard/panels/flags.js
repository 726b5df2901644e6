// The flags: what race control and the car warn of.

import { DataAttribute, TextElement, findElement } from "../ui/elements.js";

/** For each flag its name at rest, and its text and colour while it is lit (else an empty text). */
function flags(sample) {
  const out = Math.max(sample.number_of_tyres_out, 0);
  const flag = sample.flag_name;
  return [
    ["Lap", sample.is_lap_valid === false ? "Invalid" : "", "bad"],
    ["Lock", sample.wheel_lock_detected ? "Lock" : "", "bad"],
    ["Limits", out ? `${out} out` : "", sample.is_lap_valid === false ? "bad" : "warn"],
    ["Body", sample.bodywork_critical ? "Critical" : sample.bodywork_damaged ? "Damage" : "", sample.bodywork_critical ? "bad" : "warn"],
    ["Wear", sample.tyre_critical ? "Gone" : sample.tyre_damaged ? "Worn" : "", sample.tyre_critical ? "bad" : "warn"],
    ["Flag", flag === "none" ? "" : flag, `flag-${flag}`],
    ["Pit", sample.is_in_pit ? "Pit box" : sample.is_in_pit_lane ? "Pit lane" : "", "cool"],
    ["Limiter", sample.pit_limiter_on ? "Limiter" : "", "cool"],
    ["DRS", sample.drs_enabled ? "DRS open" : sample.drs_available ? "DRS ready" : "", "good"],
  ];
}

const FLAG_COUNT = 9;

export class FlagPanel {
  constructor() {
    const list = findElement("flags");
    this.flags = Array.from({ length: FLAG_COUNT }, () => {
      const item = list.appendChild(document.createElement("li"));
      return { text: new TextElement(item), lit: new DataAttribute(item, "lit") };
    });
    this.stripe = new DataAttribute("flag-stripe", "flag");
  }

  drawText(sample) {
    flags(sample).forEach(([name, text, colour], index) => {
      this.flags[index].text.set(text || name);
      this.flags[index].lit.set(text ? colour : "no");
    });
    this.stripe.set(sample.flag_name);
  }
}
