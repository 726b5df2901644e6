// The track as the car has shown it: its path by place of the lap, so that an hour of driving takes no more memory
// than a lap. Seen from above as on the game's own maps: x to the right, z downwards.

import { Surface, palette } from "./canvas.js";
import { Text, element, figure } from "./text.js";

const PLACES = 2000;
const LONGEST_GAP = 60; // places joined by a straight line where slow sampling left some out: 3 % of the lap
const BRAKING = 0.05;
const MARGIN = 14;
const SMALLEST = 120; // m across, so that the first metres do not fill the map

export class TrackMap {
  constructor(laps) {
    this.laps = laps;
    this.surface = new Surface(element("track-map"));
    this.base = document.createElement("canvas");
    this.baseContext = this.base.getContext("2d");
    this.progress = new Text("map-progress");
    this.ghostKey = element("map-ghost");
    this.x = new Float32Array(PLACES);
    this.z = new Float32Array(PLACES);
    this.known = new Uint8Array(PLACES); // 0 not yet, 1 driven, 2 driven on the brake
    this.splits = [];
    this.track = null;
    this.clear();
  }

  clear() {
    this.known.fill(0);
    this.count = 0;
    this.splits.length = 0;
    this.sector = null;
    this.bounds = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
    this.car = null;
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
    // The pit lane shares its places with the track, and a car off the track is nowhere that a map should go.
    if (sample.is_in_pit_lane || sample.is_in_pit || sample.number_of_tyres_out > 2) return;
    const place = Math.min(Math.max(Math.floor(position * PLACES), 0), PLACES - 1);
    const kind = sample.brake > BRAKING ? 2 : 1;
    if (!this.known[place]) this.count += 1;
    if (this.known[place] !== kind) this.stale = true;
    this.known[place] = kind;
    this.x[place] = x;
    this.z[place] = z;
    if (sample.current_sector_index === this.sector + 1) this.splits[this.sector] = place;
    this.sector = sample.current_sector_index;
  }

  draw(dimmed) {
    const { surface } = this;
    if (!surface.width || !this.car) {
      surface.begin();
      return;
    }
    if (this.stale || this.version !== surface.version) this.drawBase();
    const context = surface.begin();
    context.drawImage(this.base, 0, 0, surface.width, surface.height);
    const { ghost } = this.laps;
    const place = ghost === null ? -1 : Math.min(Math.floor(ghost * PLACES), PLACES - 1);
    if (place >= 0 && this.known[place]) this.drawGhost(context, place);
    if (!dimmed) this.drawCar(context);
  }

  drawSlowly(sample) {
    this.ghostKey.hidden = this.laps.ghost === null;
    const metres = sample.track_spline_length;
    this.progress.set(
      metres > 0 ? `${figure(sample.normalized_position * metres)} of ${figure(metres)} m` : "",
    );
  }

  place(x, z) {
    return [this.scale * x + this.offsetX, this.scale * z + this.offsetZ];
  }

  fit() {
    const { left, right, top, bottom } = this.bounds;
    const { width, height } = this.surface;
    const across = Math.max(right - left, SMALLEST);
    const along = Math.max(bottom - top, SMALLEST);
    this.scale = Math.min((width - 2 * MARGIN) / across, (height - 2 * MARGIN) / along);
    this.offsetX = width / 2 - (this.scale * (left + right)) / 2;
    this.offsetZ = height / 2 - (this.scale * (top + bottom)) / 2;
  }

  /** The track without the car, drawn anew only where it has grown. */
  drawBase() {
    const { surface, base, baseContext: context } = this;
    this.stale = false;
    this.version = surface.version;
    if (base.width !== surface.canvas.width || base.height !== surface.canvas.height) {
      base.width = surface.canvas.width;
      base.height = surface.canvas.height;
    }
    context.setTransform(surface.ratio, 0, 0, surface.ratio, 0, 0);
    context.clearRect(0, 0, surface.width, surface.height);
    this.fit();
    context.lineCap = context.lineJoin = "round";
    this.drawPath(context, palette.track, 5, () => true);
    this.drawPath(context, palette.bad, 2.5, (before, place) => this.known[before] === 2 && this.known[place] === 2);
    this.drawMark(context, 0, palette.text, 8);
    for (const split of this.splits) if (split !== undefined) this.drawMark(context, split, palette.muted, 6);
  }

  drawPath(context, colour, width, wanted) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    let before = -1;
    const first = this.known.findIndex(Boolean);
    for (let step = 0; step <= PLACES; step += 1) {
      const place = (first + step) % PLACES;
      if (!this.known[place]) continue;
      const near = before >= 0 && (place - before + PLACES) % PLACES <= LONGEST_GAP;
      if (near && wanted(before, place)) {
        context.moveTo(...this.place(this.x[before], this.z[before]));
        context.lineTo(...this.place(this.x[place], this.z[place]));
      }
      before = place;
    }
    context.stroke();
  }

  /** A tick across the track. */
  drawMark(context, place, colour, length) {
    const found = this.nearest(place);
    const next = this.nearest(place + 8);
    if (found < 0 || next < 0 || found === next) return;
    const [x, z] = this.place(this.x[found], this.z[found]);
    const [nextX, nextZ] = this.place(this.x[next], this.z[next]);
    const size = Math.hypot(nextX - x, nextZ - z) || 1;
    const [acrossX, acrossZ] = [(-(nextZ - z) / size) * length, ((nextX - x) / size) * length];
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x - acrossX, z - acrossZ);
    context.lineTo(x + acrossX, z + acrossZ);
    context.stroke();
  }

  nearest(place) {
    for (let step = 0; step < LONGEST_GAP; step += 1) if (this.known[(place + step) % PLACES]) return (place + step) % PLACES;
    return -1;
  }

  drawGhost(context, place) {
    const [x, z] = this.place(this.x[place], this.z[place]);
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
    const [x, z] = this.place(this.car.x, this.car.z);
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
