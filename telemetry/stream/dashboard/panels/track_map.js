// The track as it was driven: its path by lap position, so that an hour of driving takes no more memory than a lap.
// Seen from above as on the game's own maps: x to the right, z downwards.

import { lapFraction } from "../model/lap_fraction.js";
import { HiDpiCanvas, palette } from "../ui/canvas.js";
import { TextElement, findElement } from "../ui/elements.js";
import { formatNumber } from "../ui/format.js";

const POSITION_COUNT = 2000; // positions of the lap at which the path is kept
const MAX_GAP = 60; // positions joined by a straight line where slow sampling left some out: 3 % of the lap
const BRAKING = 0.05; // brake pedal from which on the path is drawn as braking
const MARGIN = 14; // pixels
const MIN_EXTENT_M = 120; // so that the first metres do not fill the map

export class TrackMap {
  constructor() {
    this.canvas = new HiDpiCanvas(findElement("track-map"));
    this.base = document.createElement("canvas");
    this.baseContext = this.base.getContext("2d");
    this.progress = new TextElement("map-progress");
    this.ghostKey = findElement("map-ghost");
    this.x = new Float32Array(POSITION_COUNT);
    this.z = new Float32Array(POSITION_COUNT);
    this.known = new Uint8Array(POSITION_COUNT); // 0 not yet, 1 driven, 2 driven on the brake
    this.splits = [];
    this.track = null;
    this.clear();
  }

  clear() {
    this.known.fill(0);
    this.splits.length = 0;
    this.sector = null;
    this.line = 0; // index of the timing line; where the spline begins until the line was seen
    this.bounds = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
    this.car = null;
    this.ghost = null; // where the best lap was after the same time, 0..1 along the lap
    this.stale = true;
  }

  /** The theme or size has changed. */
  refresh() {
    this.stale = true;
  }

  add(sample) {
    const track = `${sample.track}/${sample.track_configuration}`;
    if (track !== this.track) {
      this.track = track;
      this.clear();
    }
    this.ghost = sample.reference_position ?? null;
    const { world_position_x: x, world_position_z: z, normalized_position: position } = sample;
    if (x == null || z == null || position == null) return;
    this.car = { x, z, heading: sample.heading ?? 0 };
    const { bounds } = this;
    if (x < bounds.left || x > bounds.right || z < bounds.top || z > bounds.bottom) {
      bounds.left = Math.min(bounds.left, x);
      bounds.right = Math.max(bounds.right, x);
      bounds.top = Math.min(bounds.top, z);
      bounds.bottom = Math.max(bounds.bottom, z);
      this.stale = true;
    }
    const line = Math.floor((sample.line_position ?? 0) * POSITION_COUNT) % POSITION_COUNT;
    if (line !== this.line) this.stale = true;
    this.line = line;
    // The pit lane has the positions of the track beside it, and where a car is off the track there is no track.
    if (sample.is_in_pit_lane || sample.is_in_pit || sample.number_of_tyres_out > 2) return;
    const index = Math.min(Math.max(Math.floor(position * POSITION_COUNT), 0), POSITION_COUNT - 1);
    const kind = sample.brake > BRAKING ? 2 : 1;
    if (this.known[index] !== kind) this.stale = true;
    this.known[index] = kind;
    this.x[index] = x;
    this.z[index] = z;
    if (sample.current_sector_index === this.sector + 1) this.splits[this.sector] = index;
    this.sector = sample.current_sector_index;
  }

  drawCanvas(dimmed) {
    const { canvas } = this;
    if (!canvas.width || !this.car) {
      canvas.clear();
      return;
    }
    if (this.stale || this.version !== canvas.version) this.drawBase();
    const context = canvas.clear();
    context.drawImage(this.base, 0, 0, canvas.width, canvas.height);
    const { ghost } = this;
    const index = ghost === null ? -1 : Math.min(Math.floor(ghost * POSITION_COUNT), POSITION_COUNT - 1);
    if (index >= 0 && this.known[index]) this.drawGhost(context, index);
    if (!dimmed) this.drawCar(context);
  }

  drawText(sample) {
    this.ghostKey.hidden = this.ghost === null;
    const metres = sample.track_spline_length;
    this.progress.set(
      metres > 0 ? `${formatNumber(lapFraction(sample) * metres)} of ${formatNumber(metres)} m` : "",
    );
  }

  toCanvas(x, z) {
    return [this.scale * x + this.offsetX, this.scale * z + this.offsetZ];
  }

  fit() {
    const { left, right, top, bottom } = this.bounds;
    const { width, height } = this.canvas;
    const across = Math.max(right - left, MIN_EXTENT_M);
    const along = Math.max(bottom - top, MIN_EXTENT_M);
    this.scale = Math.min((width - 2 * MARGIN) / across, (height - 2 * MARGIN) / along);
    this.offsetX = width / 2 - (this.scale * (left + right)) / 2;
    this.offsetZ = height / 2 - (this.scale * (top + bottom)) / 2;
  }

  /** The track without the car, drawn again only when it has grown. */
  drawBase() {
    const { canvas, base, baseContext: context } = this;
    this.stale = false;
    this.version = canvas.version;
    if (base.width !== canvas.element.width || base.height !== canvas.element.height) {
      base.width = canvas.element.width;
      base.height = canvas.element.height;
    }
    context.setTransform(canvas.ratio, 0, 0, canvas.ratio, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    this.fit();
    context.lineCap = context.lineJoin = "round";
    this.drawPath(context, palette.track, 5, () => true);
    this.drawPath(context, palette.bad, 2.5, (before, index) => this.known[before] === 2 && this.known[index] === 2);
    this.drawTick(context, this.line, palette.text, 8);
    for (const split of this.splits) if (split !== undefined) this.drawTick(context, split, palette.muted, 6);
  }

  drawPath(context, colour, width, wanted) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    let before = -1;
    const first = this.known.findIndex(Boolean);
    for (let step = 0; step <= POSITION_COUNT; step += 1) {
      const index = (first + step) % POSITION_COUNT;
      if (!this.known[index]) continue;
      const near = before >= 0 && (index - before + POSITION_COUNT) % POSITION_COUNT <= MAX_GAP;
      if (near && wanted(before, index)) {
        context.moveTo(...this.toCanvas(this.x[before], this.z[before]));
        context.lineTo(...this.toCanvas(this.x[index], this.z[index]));
      }
      before = index;
    }
    context.stroke();
  }

  /** A tick across the track. */
  drawTick(context, index, colour, length) {
    const found = this.nearest(index);
    const next = this.nearest(index + 8);
    if (found < 0 || next < 0 || found === next) return;
    const [x, z] = this.toCanvas(this.x[found], this.z[found]);
    const [nextX, nextZ] = this.toCanvas(this.x[next], this.z[next]);
    const size = Math.hypot(nextX - x, nextZ - z) || 1;
    const [acrossX, acrossZ] = [(-(nextZ - z) / size) * length, ((nextX - x) / size) * length];
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x - acrossX, z - acrossZ);
    context.lineTo(x + acrossX, z + acrossZ);
    context.stroke();
  }

  nearest(index) {
    for (let step = 0; step < MAX_GAP; step += 1) if (this.known[(index + step) % POSITION_COUNT]) return (index + step) % POSITION_COUNT;
    return -1;
  }

  drawGhost(context, index) {
    const [x, z] = this.toCanvas(this.x[index], this.z[index]);
    context.strokeStyle = palette.purple;
    context.fillStyle = palette.panel;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, z, 4.5, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }

  /** An arrow in the direction of the car: forward is (-sin h, cos h) in x and z. */
  drawCar(context) {
    const { heading } = this.car;
    const [x, z] = this.toCanvas(this.car.x, this.car.z);
    const [forwardX, forwardZ] = [-Math.sin(heading), Math.cos(heading)];
    context.fillStyle = palette.text;
    context.strokeStyle = palette.panel;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x + 10 * forwardX, z + 10 * forwardZ);
    context.lineTo(x - 6 * forwardX - 6 * forwardZ, z - 6 * forwardZ + 6 * forwardX);
    context.lineTo(x - 3 * forwardX, z - 3 * forwardZ);
    context.lineTo(x - 6 * forwardX + 6 * forwardZ, z - 6 * forwardZ - 6 * forwardX);
    context.closePath();
    context.stroke();
    context.fill();
  }
}
