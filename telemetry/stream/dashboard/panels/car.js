// Fuel and conditions: what changes slowly.

import { Bar, TextElement } from "../ui/elements.js";
import { DASH, formatNumber, formatPercent } from "../ui/format.js";

export class CarPanel {
  constructor() {
    this.fuel = new TextElement("fuel");
    this.fuelBar = new Bar("fuel-bar");
    this.fuelLaps = new TextElement("fuel-laps");
    this.air = new TextElement("air");
    this.road = new TextElement("road");
    this.grip = new TextElement("grip");
    this.wind = new TextElement("wind");
    this.bias = new TextElement("bias");
    this.litresPerLap = null;
    this.car = null;
  }

  /** What the server says of a lap: the fuel it used says how far the rest goes. */
  onLapCompleted(lap) {
    if (lap.end === "line" && lap.fuel_used_l > 0 && !lap.in_pits) this.litresPerLap = lap.fuel_used_l;
  }

  drawText(sample) {
    if (sample.car_model !== this.car) {
      this.car = sample.car_model;
      this.litresPerLap = null;
    }
    this.fuel.set(`${formatNumber(sample.fuel, 1)} l`);
    this.fuelBar.set(sample.max_fuel > 0 ? sample.fuel / sample.max_fuel : 0);
    this.fuelLaps.set(this.litresPerLap ? `for ${formatNumber(sample.fuel / this.litresPerLap, 1)} laps` : "\u00a0");
    this.air.set(`${formatNumber(sample.air_temp)} °C`);
    this.road.set(`${formatNumber(sample.road_temp)} °C`);
    this.grip.set(`${formatPercent(sample.surface_grip)} %`);
    this.wind.set(sample.wind_speed > 0 ? `${formatNumber(sample.wind_speed)} km/h` : DASH);
    this.bias.set(`${formatPercent(sample.brake_bias)} %`);
  }
}
