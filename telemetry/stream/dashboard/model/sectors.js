// The sectors of the running lap, as they are driven, against those of the best lap and the best sectors seen.
// Nothing here knows of the document. Which lap is valid, and its official times, the server says.

import { lapFraction } from "./lap_fraction.js";

const NEAR_LINE = 0.05; // fraction of the lap around the line in which clock, count and position may not yet agree
const MAX_SPEED = 150; // m/s that no car exceeds; one that came further was put somewhere else
const MAX_TOLERANCE = 50; // m by which the position may be off in addition, but not above
const TOLERANCE = 0.02; // this fraction of the lap
const NOMINAL_LENGTH = 5000; // m, of a lap whose length the game does not give
const RESTART_MS = 500; // how far the lap's clock must go back to be that of another lap
const SETTLED_MS = 1500; // lap time by which they agree; a first sample before it is the lap's start
const SPLIT_MS = 250; // how far a split's own measurement may be from the official one that was just published
const LAP_KNOWN_MS = 5000; // time of the next lap by which the server has sent the one before

/** What must be the same in two laps that are compared, as text. */
function keyOf(car, track, layout) {
  return JSON.stringify([car, track, layout]);
}

export class SectorTimes {
  constructor() {
    this.carAndTrack = null;
    this.records = new Map(); // by car and track: {lap, sectors}, the fastest valid lap and the fastest sectors in ms
    this.sectors = []; // of this lap, then of the one before it: {time, previousLap, delta, best}, times in ms
    this.startLap(null);
  }

  /** The fastest valid lap with this car on this track: {time, sectors} in ms; null without one. */
  get bestLap() {
    return this.recordOf(this.carAndTrack).lap;
  }

  /** The fastest sectors of valid laps with this car on this track, in ms. */
  get bestSectors() {
    return this.recordOf(this.carAndTrack).sectors;
  }

  recordOf(carAndTrack) {
    if (!this.records.has(carAndTrack)) this.records.set(carAndTrack, { lap: null, sectors: [] });
    return this.records.get(carAndTrack);
  }

  /** Take a sample. */
  add(sample) {
    const carAndTrack = keyOf(sample.car_model, sample.track, sample.track_configuration);
    const { current_time: time } = sample;
    const position = lapFraction(sample);
    if (carAndTrack !== this.carAndTrack) {
      this.carAndTrack = carAndTrack;
      this.sectors = [];
      this.startLap(sample);
    } else if (time < this.time - RESTART_MS || sample.completed_laps < this.number - 1) {
      this.endLap();
      this.startLap(sample);
    }
    this.measureSectors(sample);
    this.followPosition(position, time, sample.track_spline_length);
    this.time = time;
    this.position = position;
    if (position > NEAR_LINE && position < 1 - NEAR_LINE) this.number = sample.completed_laps + 1;
  }

  /** What the server says of a lap: whether it is valid, and its official times. */
  onLapCompleted(lap) {
    const times = lap.sectors_ms ?? [];
    const carAndTrack = keyOf(lap.car, lap.track, lap.layout); // no longer this one if the session changed right after
    if (carAndTrack === this.carAndTrack && lap.end === "line" && this.time < LAP_KNOWN_MS) {
      times.forEach((time, index) => time && this.sectors[index]?.previousLap && this.setTime(index, time));
    }
    if (!lap.valid || !(lap.time_ms > 0)) return;
    const record = this.recordOf(carAndTrack);
    times.forEach((time, index) => {
      if (time) record.sectors[index] = Math.min(record.sectors[index] ?? Infinity, time);
    });
    if (!record.lap || lap.time_ms < record.lap.time) record.lap = { time: lap.time_ms, sectors: times };
  }

  startLap(sample) {
    const time = sample?.current_time ?? 0;
    const position = sample ? lapFraction(sample) : 0;
    const atLine = position < NEAR_LINE || position > 1 - NEAR_LINE;
    this.complete = time < SETTLED_MS && atLine; // so far: seen from its start, and without a jump
    this.furthest = null; // the highest position of this lap; null before its line
    this.time = time; // ms
    this.position = position;
    this.number = (sample?.completed_laps ?? 0) + 1;
    this.sectorIndex = this.complete ? 0 : (sample?.current_sector_index ?? 0);
    this.sectorStart = this.complete ? 0 : null; // ms of the lap; null where it was not seen
  }

  /** The lap is over: at the line, or by a restart or the jump into the pits. */
  endLap() {
    if (this.complete && this.position > 1 - NEAR_LINE && this.sectorStart !== null) {
      this.finishSector(this.sectorIndex, this.time - this.sectorStart);
    }
    for (const sector of this.sectors) if (sector) sector.previousLap = true;
  }

  followPosition(position, time, length) {
    if (!this.complete) return;
    if (this.furthest === null && position > 0.5) return; // the clock is over the line, the position is not yet
    if (position < NEAR_LINE && this.furthest > 0.5) return; // the other way round
    const [start, startTime] = this.furthest === null ? [0, 0] : [this.position, this.time];
    // Clock and position are of one page: what was driven while nothing was drawn, took the time that the clock says.
    const lapLength = length > 0 ? length : NOMINAL_LENGTH;
    const driven = (MAX_SPEED * (time - startTime)) / 1000 + Math.min(TOLERANCE * lapLength, MAX_TOLERANCE);
    if (Math.abs(position - start) * lapLength > driven) this.complete = false;
    this.furthest = Math.max(this.furthest ?? 0, position);
  }

  measureSectors({ current_sector_index: index, current_time: time, last_sector_time: official }) {
    // Behind the line the old index may stand for a frame, or the new one come before the clock has started again.
    if (index === this.sectorIndex || index === 0 || (this.complete && time < SETTLED_MS)) return;
    let done = null;
    if (index === this.sectorIndex + 1) {
      const measured = this.sectorStart === null ? null : time - this.sectorStart;
      done = measured === null || Math.abs(official - measured) < SPLIT_MS ? official : measured;
      this.finishSector(this.sectorIndex, done);
    }
    this.sectorStart = done !== null && this.sectorStart !== null ? this.sectorStart + done : time;
    this.sectorIndex = index;
  }

  finishSector(index, time) {
    if (!(time > 0)) return;
    this.sectors[index] = { time: 0, previousLap: false, delta: null, best: false };
    this.setTime(index, time);
  }

  setTime(index, time) {
    const reference = this.bestLap?.sectors[index];
    const sector = this.sectors[index];
    sector.time = time;
    sector.delta = reference ? time - reference : null;
    sector.best = this.bestSectors[index] !== undefined && time < this.bestSectors[index];
  }
}
