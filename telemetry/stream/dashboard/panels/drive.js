// Gear, speed, engine, pedals and steering: what is looked at while driving.

import { Bar, CentredBar, DataAttribute, TextElement, findElement } from "../ui/elements.js";
import { DASH, formatNumber, formatPercent } from "../ui/format.js";

const LIGHT_COUNT = 15;
const MAX_GEAR_LENGTH = 2; // trucks have more than nine gears; a longer text is no gear

export class DrivePanel {
  constructor(limits) {
    this.limits = limits;
    this.gear = new TextElement("gear");
    this.gearLength = new DataAttribute("gear", "length");
    this.speed = new TextElement("speed");
    this.rpm = new TextElement("rpm");
    this.rpmLimit = new TextElement("rpm-limit");
    this.rpmBar = new Bar("rpm-bar");
    this.shift = new DataAttribute("drive", "shift");
    this.pedals = ["clutch", "brake", "gas"].map((name) => ({
      name,
      bar: new Bar(`${name}-bar`, true),
      text: new TextElement(`${name}-text`),
    }));
    this.steer = new TextElement("steer");
    this.steerBar = new CentredBar("steer-bar");
    this.highestRpm = 0;
    const row = findElement("shift-lights");
    this.lights = Array.from({ length: LIGHT_COUNT }, (_, index) => {
      const light = row.appendChild(document.createElement("i"));
      light.className = index < 6 ? "first" : index < 11 ? "second" : "third";
      return new DataAttribute(light, "lit");
    });
  }

  draw(sample) {
    const gear = sample.gear_name?.length <= MAX_GEAR_LENGTH ? sample.gear_name : "?";
    this.gear.set(gear);
    this.gearLength.set(gear.length);
    this.speed.set(formatNumber(sample.speed_kmh));
    this.drawEngine(sample);
    for (const { name, bar, text } of this.pedals) {
      // The game's clutch is 1 when its pedal is up; the page shows how far pedals are pressed.
      const pressed = name === "clutch" ? 1 - sample.clutch : sample[name];
      bar.set(pressed);
      text.set(`${formatPercent(pressed)} %`);
    }
    this.drawSteering(sample);
  }

  drawSteering(sample) {
    const degrees = sample.steer_degrees;
    const steer = degrees ?? 100 * sample.steer_angle;
    const text = formatNumber(Math.abs(steer));
    const side = text === "0" || text === DASH ? "" : steer < 0 ? " L" : " R"; // the game's + is to the right
    this.steer.set(`${text}${degrees == null ? " %" : "°"}${side}`);
    this.steerBar.set(sample.steer_angle);
  }

  drawEngine(sample) {
    const stated = sample.current_max_rpm > 0 ? sample.current_max_rpm : sample.max_rpm;
    this.highestRpm = Math.max(this.highestRpm, sample.rpm);
    // A car that does not state its limit has a bar up to the highest speed seen, but no shift lights.
    const limit = stated > 0 ? stated : this.highestRpm;
    const fraction = limit > 0 ? sample.rpm / limit : 0;
    this.rpm.set(formatNumber(Math.max(sample.rpm, 0)));
    this.rpmLimit.set(stated > 0 ? formatNumber(stated) : "");
    this.rpmBar.set(fraction);
    const shift = stated > 0 && this.limits.isTimeToShift(fraction);
    this.shift.set(shift ? "now" : "no");
    const lit = stated > 0 ? this.limits.shiftLights(fraction, LIGHT_COUNT) : 0;
    this.lights.forEach((light, index) => light.set(shift || index < lit ? "yes" : "no"));
  }
}
