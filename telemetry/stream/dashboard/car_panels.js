// Damage, warning lights, fuel and conditions: what changes seldom.

import { damageLevel } from "./thresholds.js";
import { Bar, DASH, Mark, Text, element, figure, percent } from "./text.js";

const ZONES = ["front", "rear", "left", "right", "overall"];

export class DamagePanel {
  constructor() {
    this.zones = ZONES.map((zone) => ({
      text: new Text(`damage-${zone}`),
      level: new Mark(`zone-${zone}`, "level"),
    }));
  }

  drawSlowly(sample) {
    this.zones.forEach(({ text, level }, index) => {
      const value = sample.damage_level[index];
      text.set(`${percent(value)} %`);
      level.set(damageLevel(value));
    });
  }
}

/** The warning lights: for each its name at rest, and its text and colour while it is lit (else an empty text). */
function lamps(sample) {
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

export class LampPanel {
  constructor() {
    const list = element("lamps");
    this.lamps = Array.from({ length: 9 }, () => {
      const lamp = list.appendChild(document.createElement("li"));
      return { text: new Text(lamp), lit: new Mark(lamp, "lit") };
    });
    this.flag = new Mark("flag-stripe", "flag");
  }

  drawSlowly(sample) {
    lamps(sample).forEach(([name, text, colour], index) => {
      this.lamps[index].text.set(text || name);
      this.lamps[index].lit.set(text ? colour : "no");
    });
    this.flag.set(sample.flag_name);
  }
}

export class CarPanel {
  constructor() {
    this.fuel = new Text("fuel");
    this.fuelBar = new Bar("fuel-bar");
    this.fuelLaps = new Text("fuel-laps");
    this.air = new Text("air");
    this.road = new Text("road");
    this.grip = new Text("grip");
    this.wind = new Text("wind");
    this.bias = new Text("bias");
    this.perLap = null;
    this.car = null;
  }

  /** A lap as the server tells it: what it burnt says how far the rest goes. */
  judge(lap) {
    if (lap.end === "line" && lap.fuel_used_l > 0 && !lap.in_pits) this.perLap = lap.fuel_used_l;
  }

  drawSlowly(sample) {
    if (sample.car_model !== this.car) {
      this.car = sample.car_model;
      this.perLap = null;
    }
    this.fuel.set(`${figure(sample.fuel, 1)} l`);
    this.fuelBar.set(sample.max_fuel > 0 ? sample.fuel / sample.max_fuel : 0);
    this.fuelLaps.set(this.perLap ? `for ${figure(sample.fuel / this.perLap, 1)} laps` : "\u00a0");
    this.air.set(`${figure(sample.air_temp)} °C`);
    this.road.set(`${figure(sample.road_temp)} °C`);
    this.grip.set(`${percent(sample.surface_grip)} %`);
    this.wind.set(sample.wind_speed > 0 ? `${figure(sample.wind_speed)} km/h` : DASH);
    this.bias.set(`${percent(sample.brake_bias)} %`);
  }
}
