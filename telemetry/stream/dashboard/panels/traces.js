// The last seconds of pedals, speed and steering as lines that move, drawn by uPlot.

/* global uPlot -- of the script in vendor/, which index.html loads before the modules */

import { SlidingWindow } from "../model/sliding_window.js";
import { palette } from "../ui/canvas.js";
import { findElement } from "../ui/elements.js";

const SECONDS = 10;
const CAPACITY = 1000; // samples: more than ten seconds of the fastest stream
const GAP_S = 0.5; // no line is drawn over a longer time without a sample, unless they come as slowly as that

/** Times without samples, as from and to in pixels: no line is drawn over them. */
function findGaps(plot, _series, first, last) {
  const times = plot.data[0];
  const usual = (times[last] - times[first]) / Math.max(last - first, 1);
  const longest = Math.max(GAP_S, 3 * usual);
  const found = [];
  for (let index = first + 1; index <= last; index += 1) {
    if (times[index] - times[index - 1] <= longest) continue;
    found.push([plot.valToPos(times[index - 1], "x", true), plot.valToPos(times[index], "x", true)]);
  }
  return found;
}

function toPercent(fraction) {
  return fraction == null ? null : 100 * fraction;
}

const noPoints = { show: false };

function line(colour, width, scale) {
  return { stroke: () => palette[colour], width, scale, gaps: findGaps, points: noPoints };
}

function axis(options) {
  return {
    stroke: () => palette.muted,
    grid: { stroke: () => palette.grid, width: 1 },
    ticks: { show: false },
    font: `${Math.round(0.78 * palette.size)}px ${palette.font}`,
    gap: 4,
    ...options,
  };
}

/** Seconds before now, at fixed positions: the lines move, the grid stands. */
function timeAxis(show) {
  return axis({
    size: show ? Math.round(1.5 * palette.size) : 4,
    splits: (plot) => [10, 8, 6, 4, 2, 0].map((seconds) => plot.scales.x.max - seconds),
    values: (plot, splits) => splits.map((time) => {
      const seconds = Math.round(plot.scales.x.max - time);
      return !show ? "" : seconds ? `\u2212${seconds} s` : "now";
    }),
  });
}

function valueAxis(scale, splits, values, options = {}) {
  return axis({ scale, size: Math.round(3.7 * palette.size), splits: () => splits, values: () => values, ...options });
}

export class Traces {
  constructor() {
    this.window = new SlidingWindow(5, SECONDS, CAPACITY);
    this.topSpeed = 200; // km/h
    this.topSteer = 25; // % of the lock: most cars turn little of it, except where it is slow
    this.boxes = [findElement("pedal-trace"), findElement("steer-trace")];
    this.plots = null;
    this.observer = new ResizeObserver(() => this.resize());
    this.boxes.forEach((box) => this.observer.observe(box));
  }

  add(sample) {
    const { elapsed, gas, brake, speed_kmh: speed, steer_angle: steer } = sample;
    this.window.add(elapsed, toPercent(gas), toPercent(brake), speed, toPercent(steer));
    if (speed > this.topSpeed) this.topSpeed = 50 * Math.ceil(speed / 50);
    if (Math.abs(100 * steer) > this.topSteer) this.topSteer = Math.abs(100 * steer) > 50 ? 100 : 50;
  }

  /** Another theme or size: the plots are cheap to make, and have their fonts and sizes fixed when made. */
  build() {
    this.plots?.forEach((plot) => plot.destroy());
    const x = { time: false, range: () => this.range() };
    const common = (box) => ({
      width: Math.max(box.clientWidth, 50),
      height: Math.max(box.clientHeight, 30),
      legend: { show: false },
      cursor: { show: false },
      padding: [6, 0, 0, 0],
      pxAlign: 0, // lines that glide rather than hop from pixel to pixel
    });
    const right = { side: 1, grid: { show: false } };
    const [pedals, steer] = this.boxes;
    this.plots = [
      new uPlot({
        ...common(pedals),
        scales: { x, "%": { range: [0, 102] }, speed: { range: () => [0, this.topSpeed * 1.02] } },
        axes: [
          timeAxis(false),
          valueAxis("%", [0, 50, 100], ["0", "50", "100 %"]),
          valueAxis("speed", [], [], {
            ...right,
            splits: () => [0, this.topSpeed / 2, this.topSpeed],
            values: (_, splits) => splits.map((speed) => String(Math.round(speed))),
          }),
        ],
        series: [{}, line("cool", 1.25, "speed"), line("bad", 2, "%"), line("good", 2, "%")],
      }, [[], [], [], []], pedals),
      new uPlot({
        ...common(steer),
        scales: { x, "%": { range: () => [-1.05 * this.topSteer, 1.05 * this.topSteer] } },
        axes: [
          timeAxis(true),
          valueAxis("%", [], [], {
            splits: () => [-this.topSteer, 0, this.topSteer],
            values: () => [`left ${this.topSteer}`, "0", `right ${this.topSteer}`],
          }),
          valueAxis("%", [], [], right),
        ],
        series: [{}, line("accent", 2, "%")],
      }, [[], []], steer),
    ];
  }

  range() {
    const now = this.window.newest ?? SECONDS;
    return [now - SECONDS, now];
  }

  resize() {
    if (!this.plots) return;
    this.plots.forEach((plot, index) => {
      const { clientWidth: width, clientHeight: height } = this.boxes[index];
      if (width && height && (plot.width !== width || plot.height !== height)) plot.setSize({ width, height });
    });
  }

  drawCanvas() {
    if (!this.plots || !this.window.size) return;
    const [time, gas, brake, speed, steer] = this.window.views();
    this.plots[0].setData([time, speed, brake, gas]);
    this.plots[1].setData([time, steer]);
  }
}
