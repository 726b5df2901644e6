// The traces of two laps over their length: one plot for each channel, one cursor over all of them.

/* global uPlot -- of the script before this one */

import { rangeOf } from "./model.js";

const HEIGHTS = { delta_s: 130, speed_kmh: 190, gas: 84, brake: 84, gear: 92, steer_angle: 104 };
const FONT = 'system-ui, "Segoe UI", Roboto, Arial, sans-serif';
const AXIS = 46; // pixels of the numbers at the left, the same for all so that places lie under each other

/** The colours of the theme as it is now. */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["text", "muted", "grid", "band", "tone-lap", "tone-reference"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

export class TracePlots {
  /** `onMove` is given the index of the place under the cursor, or null. */
  constructor(box, data, onMove) {
    this.box = box;
    this.data = data;
    this.onMove = onMove;
    this.colours = readColours();
    this.plots = [];
    this.index = null;
    this.shown = [data.lap, data.reference];
    new ResizeObserver(() => this.resize()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
  }

  /** Draw another lap against the reference. */
  show(lap) {
    this.shown = [lap, this.data.reference];
    this.plots.forEach((plot) => plot.destroy());
    const sync = uPlot.sync("laps");
    this.plots = this.data.panels.map((panel, at) => this.makePlot(panel, at === this.data.panels.length - 1, sync));
    const { index } = this;
    if (index !== null) queueMicrotask(() => this.moveTo(index)); // once the plots know their sizes
  }

  columnsOf(panel) {
    const { laps } = this.data;
    const [lap, reference] = this.shown;
    const second = panel.channel === "delta_s" || lap === reference ? [] : [laps[reference][panel.channel]];
    return [laps[lap][panel.channel], ...second].reverse(); // the lap is drawn over the reference
  }

  makePlot(panel, isLast, sync) {
    const columns = this.columnsOf(panel);
    const isFirst = panel === this.data.panels[0];
    const [low, high] = rangeOf(columns, panel.low, panel.high);
    const common = {
      stroke: () => this.colours.muted,
      grid: { stroke: () => this.colours.grid, width: 1 },
      ticks: { show: false },
      font: `12px ${FONT}`,
      gap: 4,
    };
    const tones = columns.length > 1 ? ["tone-reference", "tone-lap"] : ["tone-lap"];
    const head = document.createElement("p");
    head.className = "plot-title";
    head.textContent = panel.title;
    const holder = document.createElement("div");
    holder.className = "plot";
    holder.append(head);
    this.box.append(holder);
    const ticks = panel.ticks.length ? { splits: () => panel.ticks.map(([value]) => value), values: () => panel.ticks.map(([, text]) => text) } : {};
    const options = {
      width: Math.max(this.box.clientWidth, 200),
      height: HEIGHTS[panel.channel] + (isFirst ? 10 : 0) + (isLast ? 22 : 0),
      padding: [isFirst ? 16 : 6, 10, isLast ? 0 : 4, 0], // above the first one stand the corners
      legend: { show: false },
      cursor: {
        sync: { key: sync.key, setSeries: false },
        y: false,
        drag: { x: true, y: false },
        points: { size: 6 },
        focus: { prox: -1 },
      },
      scales: { x: { time: false }, y: { range: [low, high] } },
      axes: [
        { ...common, size: isLast ? 24 : 2, space: 72, values: (_, splits) => splits.map((place) => (isLast ? this.placeName(place) : "")) },
        { ...common, size: AXIS, space: 26, values: (_, splits) => splits.map((value) => String(value).replace("-", "\u2212")), ...ticks },
      ],
      series: [{}, ...tones.map((tone, at) => ({
        stroke: () => this.colours[tone],
        width: at === tones.length - 1 ? 1.75 : 1.5,
        points: { show: false },
        ...(panel.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
      }))],
      hooks: {
        drawClear: [(plot) => this.drawCorners(plot, panel)],
        setCursor: [(plot) => this.moved(plot)],
      },
    };
    const plot = new uPlot(options, [this.data.places, ...columns], holder);
    const destroy = plot.destroy.bind(plot);
    plot.destroy = () => {
      destroy();
      holder.remove();
    };
    return plot;
  }

  /** The corners as bands behind the lines, with their names in the first plot. */
  drawCorners(plot, panel) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const names = [];
    let taken = -Infinity;
    for (const { begin, apex, end, short } of this.data.corners) {
      const [left, middle, right] = [begin, apex, end].map((place) => plot.valToPos(place, "x", true));
      ctx.fillStyle = this.colours.band;
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      if (panel !== this.data.panels[0] || middle - taken < 24 * ratio) continue;
      taken = middle;
      names.push([short, middle]);
    }
    if (panel.zero) {
      ctx.strokeStyle = this.colours.muted;
      ctx.lineWidth = ratio;
      const at = plot.valToPos(0, "y", true);
      ctx.beginPath();
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(bbox.left + bbox.width, at);
      ctx.stroke();
    }
    ctx.restore();
    ctx.save();
    ctx.textAlign = "center";
    ctx.font = `${11 * ratio}px ${FONT}`;
    ctx.fillStyle = this.colours.muted;
    for (const [name, at] of names) {
      if (at > bbox.left && at < bbox.left + bbox.width) ctx.fillText(name, at, bbox.top - 4 * ratio);
    }
    ctx.restore();
  }

  placeName(place) {
    return `${place.toLocaleString("en")} ${this.data.unit}`;
  }

  moved(plot) {
    const { left, idx } = plot.cursor;
    const index = left >= 0 && idx != null ? idx : null;
    if (index === null || index === this.index) return; // what was shown last stays
    this.index = index;
    this.onMove(index);
  }

  /** Move the cursor of all plots to a place. */
  moveTo(index) {
    const [plot] = this.plots;
    if (!plot) return;
    const left = plot.valToPos(this.data.places[index], "x");
    this.plots.forEach((one) => one.setCursor({ left, top: 0 }, false));
    this.index = index;
    this.onMove(index);
  }

  resize() {
    const width = this.box.clientWidth;
    if (!width) return;
    this.plots.forEach((plot) => {
      if (plot.width !== width) plot.setSize({ width, height: plot.height });
    });
  }

  recolour() {
    this.colours = readColours();
    this.plots.forEach((plot) => plot.redraw(false, true));
  }
}
