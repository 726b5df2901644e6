// The g-g diagram: where the tyres' grip goes, forwards, backwards and to the sides, with a trail of the last seconds.

import { SlidingWindow } from "../model/sliding_window.js";
import { HiDpiCanvas, palette } from "../ui/canvas.js";
import { TextElement, findElement } from "../ui/elements.js";
import { formatNumber } from "../ui/format.js";

const TRAIL_S = 4;
const CAPACITY = 400;
const RIMS_G = [2, 3, 4, 6, 10]; // what the rim can stand for
const HALF_LIFE_S = 30; // after which a crash no longer makes the rest of the diagram small
const FADE_STEPS = 6; // of the trail, from faint to full

export class ForceDiagram {
  constructor() {
    this.canvas = new HiDpiCanvas(findElement("gg"));
    this.trail = new SlidingWindow(3, TRAIL_S, CAPACITY);
    this.lateral = new TextElement("g-lateral");
    this.longitudinal = new TextElement("g-longitudinal");
    this.peak = 0;
  }

  add(sample) {
    const { elapsed, acc_g_x: left, acc_g_z: forward } = sample;
    if (left == null || forward == null) return;
    const seconds = Math.min(Math.max(elapsed - (this.trail.newest ?? elapsed), 0), 1);
    this.peak = Math.max(this.peak * 0.5 ** (seconds / HALF_LIFE_S), Math.hypot(left, forward));
    this.trail.add(elapsed, -left, forward); // a turn to the right goes to the right
  }

  drawText(sample) {
    const { acc_g_x: left, acc_g_z: forward } = sample;
    this.lateral.set(formatNumber(left == null ? null : Math.abs(left), 2));
    this.longitudinal.set(formatNumber(forward, 2, true));
  }

  drawCanvas(dimmed) {
    const { canvas } = this;
    const { width, height } = canvas;
    const context = canvas.clear();
    const rim = RIMS_G.find((g) => g >= this.peak * 1.02) ?? RIMS_G.at(-1);
    const radius = Math.min(width, height) / 2 - 2;
    if (radius < 20) return;
    const [x, y] = [width / 2, height / 2];
    this.drawRings(context, x, y, radius, rim);
    const [, rights, forwards] = this.trail.views();
    const scale = radius / rim;
    const count = rights.length;
    context.strokeStyle = palette.accent;
    context.lineWidth = 2;
    context.lineJoin = "round";
    for (let fade = 0; fade < FADE_STEPS; fade += 1) {
      const begin = Math.floor((count * fade) / FADE_STEPS);
      const end = Math.min(Math.floor((count * (fade + 1)) / FADE_STEPS) + 1, count);
      context.globalAlpha = 0.12 + (0.88 * fade) / FADE_STEPS;
      context.beginPath();
      for (let index = begin; index < end; index += 1) {
        context.lineTo(x + rights[index] * scale, y - forwards[index] * scale);
      }
      context.stroke();
    }
    context.globalAlpha = 1;
    if (!count || dimmed) return;
    context.fillStyle = palette.text;
    context.beginPath();
    context.arc(x + rights[count - 1] * scale, y - forwards[count - 1] * scale, 5, 0, 2 * Math.PI);
    context.fill();
  }

  drawRings(context, x, y, radius, rim) {
    context.strokeStyle = palette.grid;
    context.fillStyle = palette.muted;
    context.lineWidth = 1;
    context.font = `${Math.round(0.72 * palette.size)}px ${palette.font}`;
    context.textAlign = "right";
    context.textBaseline = "top";
    const every = rim > 4 ? 2 : 1;
    context.beginPath();
    for (let g = every; g <= rim; g += every) {
      context.moveTo(x + (radius * g) / rim, y);
      context.arc(x, y, (radius * g) / rim, 0, 2 * Math.PI);
    }
    context.moveTo(x - radius, y);
    context.lineTo(x + radius, y);
    context.moveTo(x, y - radius);
    context.lineTo(x, y + radius);
    context.stroke();
    // Between forwards and right, where a car can hardly be and the trail hides no figure.
    for (let g = every; g <= rim; g += every) {
      const out = ((radius * g) / rim) * Math.SQRT1_2;
      context.fillText(`${g} g`, x + out - 2, y - out + 2);
    }
  }
}
