// Gear, speed, engine, pedals and steering: what is looked at while driving.

import { FIRST_LIGHT, SHIFT_ZONE } from "./thresholds.js";
import { Bar, CentredBar, DASH, Mark, Text, element, figure, percent } from "./text.js";

const LIGHTS = 15;

export class DrivePanel {
  constructor() {
    this.gear = new Text("gear");
    this.speed = new Text("speed");
    this.rpm = new Text("rpm");
    this.limit = new Text("rpm-limit");
    this.bar = new Bar("rpm-bar");
    this.shift = new Mark("drive", "shift");
    this.pedals = ["clutch", "brake", "gas"].map((name) => ({
      name,
      bar: new Bar(`${name}-bar`, true),
      text: new Text(`${name}-text`),
    }));
    this.steer = new Text("steer");
    this.steerBar = new CentredBar("steer-bar");
    this.highestRpm = 0;
    const row = element("shift-lights");
    this.lights = Array.from({ length: LIGHTS }, (_, index) => {
      const light = row.appendChild(document.createElement("i"));
      light.className = index < 6 ? "first" : index < 11 ? "second" : "third";
      return new Mark(light, "lit");
    });
  }

  draw(sample) {
    this.gear.set(sample.gear_name ?? "?");
    this.speed.set(figure(sample.speed_kmh));
    this.drawEngine(sample);
    for (const { name, bar, text } of this.pedals) {
      // The game's clutch is 1 when its pedal is up; the page shows how far pedals are pressed.
      const pressed = name === "clutch" ? 1 - sample.clutch : sample[name];
      bar.set(pressed);
      text.set(`${percent(pressed)} %`);
    }
    const degrees = sample.steer_degrees;
    const steer = degrees ?? 100 * sample.steer_angle;
    const text = figure(Math.abs(steer));
    const side = text === "0" || text === DASH ? "" : steer < 0 ? " L" : " R"; // the game's + is to the right
    this.steer.set(`${text}${degrees == null ? " %" : "°"}${side}`);
    this.steerBar.set(sample.steer_angle);
  }

  drawEngine(sample) {
    const stated = sample.current_max_rpm > 0 ? sample.current_max_rpm : sample.max_rpm;
    this.highestRpm = Math.max(this.highestRpm, sample.rpm);
    // A car that does not state its limit has a bar up to the highest speed seen, but no shift lights.
    const limit = stated > 0 ? stated : this.highestRpm;
    const share = limit > 0 ? sample.rpm / limit : 0;
    this.rpm.set(figure(Math.max(sample.rpm, 0)));
    this.limit.set(stated > 0 ? figure(stated) : "");
    this.bar.set(share);
    const shift = stated > 0 && share >= SHIFT_ZONE;
    this.shift.set(shift ? "now" : "no");
    const lit = stated > 0 ? Math.ceil(((share - FIRST_LIGHT) / (SHIFT_ZONE - FIRST_LIGHT)) * LIGHTS) : 0;
    for (let index = 0; index < LIGHTS; index += 1) this.lights[index].set(shift || index < lit ? "yes" : "no");
  }
}
