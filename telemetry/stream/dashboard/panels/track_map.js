// The track: its line where the server knows it, else its path as it was driven, by lap position, so that an hour of
// driving takes no more memory than a lap.
// Seen from above as on the game's own maps: x to the right, z downwards.

import { placesByPosition } from "../model/course.js";
import { lapFraction } from "../model/lap_fraction.js";
import { HiDpiCanvas, palette } from "../ui/canvas.js";
import { TextElement, findElement } from "../ui/elements.js";
import { formatNumber } from "../ui/format.js";

const POSITION_COUNT = 2000; // positions of the lap at which the path is kept
const MAX_GAP = 60; // positions joined by a straight line where slow sampling left some out: 3 % of the lap
const BRAKING = 0.05; // brake pedal from which on the path is drawn as braking
const MARGIN = 14; // pixels
const LABEL_GAP = 13; // pixels from the track to the number of a corner, and at least between two numbers
const MIN_EXTENT_M = 120; // so that the first metres do not fill the map

export class TrackMap {
  constructor() {
    this.canvas = new HiDpiCanvas(findElement("track-map"));
    this.base = document.createElement("canvas");
    this.baseContext = this.base.getContext("2d");
    this.progress = new TextElement("map-progress");
    this.ghostKey = new TextElement("map-ghost");
    this.x = new Float32Array(POSITION_COUNT);
    this.z = new Float32Array(POSITION_COUNT);
    this.known = new Uint8Array(POSITION_COUNT); // 0 not yet, 1 driven, 2 driven on the brake
    this.splits = [];
    this.track = null;
    this.course = null; // what the server knows of a track: its message
    this.reference = null; // the path of a lap out of a file, by position: {key, x, z, known}
    this.picture = null; // the game's own, once it has come
    this.clear();
  }

  /** What the server knows of a track. */
  onTrack(message) {
    this.course = message;
    this.picture = null;
    if (message.picture) this.loadPicture(message.picture);
    this.clear();
  }

  /** The lap out of a file that the server compares with. */
  onReference(message) {
    const key = `${message.track}/${message.layout}`;
    this.reference = { key, ...placesByPosition(message, POSITION_COUNT) };
  }

  get isKnown() {
    return this.course !== null && `${this.course.track}/${this.course.layout}` === this.track;
  }

  loadPicture({ path }) {
    const image = new Image();
    image.addEventListener("load", () => {
      this.picture = image;
      this.stale = true;
    });
    image.src = path;
  }

  /** The line of the track, where the server knows it: the whole map at once. */
  takeCourse() {
    const places = placesByPosition(this.course, POSITION_COUNT);
    this.x.set(places.x);
    this.z.set(places.z);
    this.known.set(places.known);
    this.line = Math.floor(this.course.line_position * POSITION_COUNT) % POSITION_COUNT;
    for (const { x, z } of [this.course, this.course.left, this.course.right].filter(Boolean)) {
      x.forEach((_, index) => this.reach(x[index], z[index]));
    }
  }

  reach(x, z) {
    const { bounds } = this;
    if (x >= bounds.left && x <= bounds.right && z >= bounds.top && z <= bounds.bottom) return;
    bounds.left = Math.min(bounds.left, x);
    bounds.right = Math.max(bounds.right, x);
    bounds.top = Math.min(bounds.top, z);
    bounds.bottom = Math.max(bounds.bottom, z);
    this.stale = true;
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
    if (this.isKnown) this.takeCourse();
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
    this.reach(x, z);
    const start = sample.line_position ?? (this.isKnown ? this.course.line_position : 0);
    const line = Math.floor(start * POSITION_COUNT) % POSITION_COUNT;
    if (line !== this.line) this.stale = true;
    this.line = line;
    // The pit lane has the positions of the track beside it, and where a car is off the track there is no track.
    if (sample.is_in_pit_lane || sample.is_in_pit || sample.number_of_tyres_out > 2) return;
    const index = Math.min(Math.max(Math.floor(position * POSITION_COUNT), 0), POSITION_COUNT - 1);
    const kind = sample.brake > BRAKING ? 2 : 1;
    if (this.known[index] !== kind) this.stale = true;
    this.known[index] = kind;
    if (!this.isKnown) {
      this.x[index] = x;
      this.z[index] = z;
    }
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
    const path = this.reference?.key === this.track && this.reference.known[index] ? this.reference : this;
    if (index >= 0 && path.known[index]) this.drawGhost(context, path.x[index], path.z[index]);
    if (!dimmed) this.drawCar(context);
  }

  drawText(sample) {
    this.ghostKey.element.hidden = this.ghost === null;
    this.ghostKey.set(this.reference?.key === this.track ? "Reference" : "Best lap");
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
    const margin = this.isKnown ? MARGIN + LABEL_GAP : MARGIN;
    this.scale = Math.min((width - 2 * margin) / across, (height - 2 * margin) / along);
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
    if (this.isKnown) this.drawRoad(context);
    this.drawPath(context, palette.track, 5, () => true);
    this.drawPath(context, palette.bad, 2.5, (before, index) => this.known[before] === 2 && this.known[index] === 2);
    this.drawTick(context, this.line, palette.text, 8);
    for (const split of this.splits) if (split !== undefined) this.drawTick(context, split, palette.muted, 6);
    if (this.isKnown) this.drawCorners(context);
  }

  /** The game's picture in a colour of the theme, and the road between its borders. */
  drawRoad(context) {
    const { left, right, picture } = this.course;
    if (this.picture) context.drawImage(this.tinted(picture), 0, 0, this.canvas.width, this.canvas.height);
    if (!left || !right) return;
    context.fillStyle = palette.track;
    context.beginPath();
    for (let index = 0; index < left.x.length; index += 1) {
      const next = (index + 1) % left.x.length;
      if (next === 0 && !this.course.closed) break;
      context.moveTo(...this.toCanvas(left.x[index], left.z[index]));
      context.lineTo(...this.toCanvas(left.x[next], left.z[next]));
      context.lineTo(...this.toCanvas(right.x[next], right.z[next]));
      context.lineTo(...this.toCanvas(right.x[index], right.z[index]));
    }
    context.fill();
  }

  tinted({ width_px: width, height_px: height, x_offset_m: x, z_offset_m: z, metres_per_pixel: metres }) {
    const { ratio } = this.canvas;
    const layer = document.createElement("canvas");
    layer.width = this.base.width;
    layer.height = this.base.height;
    const context = layer.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const scale = this.scale * metres;
    context.drawImage(this.picture, ...this.toCanvas(-x, -z), width * scale, height * scale);
    context.globalCompositeOperation = "source-in"; // a picture without transparency would be a block of this colour
    context.fillStyle = palette.line;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    return layer;
  }

  /** The numbers of the corners on their outer side, as many as there is room for. */
  drawCorners(context) {
    const taken = [];
    context.fillStyle = palette.muted;
    context.font = `${0.7 * palette.size}px ${palette.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const { number, apex, direction } of this.course.corners) {
      const index = this.nearest(Math.floor(apex * POSITION_COUNT) % POSITION_COUNT);
      const next = index < 0 ? -1 : this.nearest((index + 8) % POSITION_COUNT);
      if (next < 0 || next === index) continue;
      const [x, z] = this.toCanvas(this.x[index], this.z[index]);
      const [nextX, nextZ] = this.toCanvas(this.x[next], this.z[next]);
      const size = (Math.hypot(nextX - x, nextZ - z) || 1) / LABEL_GAP;
      const outwards = direction === "left" ? -1 : 1; // x to the right, z downwards: left of (dx, dz) is (dz, -dx)
      const place = [x + (outwards * (nextZ - z)) / size, z - (outwards * (nextX - x)) / size];
      if (taken.some(([otherX, otherZ]) => Math.hypot(otherX - place[0], otherZ - place[1]) < LABEL_GAP)) continue;
      taken.push(place);
      context.fillText(String(number), ...place);
    }
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

  drawGhost(context, worldX, worldZ) {
    const [x, z] = this.toCanvas(worldX, worldZ);
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
