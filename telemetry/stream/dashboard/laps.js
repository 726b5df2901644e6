// The lap under way, its sectors, and the best lap seen as a whole: when it was at every place of the track.
// Nothing here knows of the document. Which lap is valid, and its official times, the server says.

export const BINS = 2000;

const NEAR_LINE = 0.05; // share of the lap around the line in which clock, count and position may not yet agree
const JUMP = 0.05; // share of the lap that no car drives between two samples: it was put somewhere else
const SETTLED_MS = 1500; // time of the lap by which they agree; a first sample before it is the lap's start
const SPLIT_MS = 250; // how far a split's own measurement may be from the official one that was just published
const JUDGED_MS = 5000; // time of the next lap by which the server has judged the one before

/** The lap times of a drive, sample by sample. */
export class Laps {
  constructor() {
    this.place = null;
    this.forget();
    this.begin(null);
  }

  /** Another track or car: nothing is comparable any more. */
  forget() {
    this.best = null; // {time, trace, sectors}
    this.bestSectors = [];
    this.sectors = []; // of this lap, then of the one before it: {time, old, gain, best}
    this.pending = null; // a whole lap that waits for the server's word: {number, trace}
  }

  /** Take a sample. */
  add(sample) {
    const place = `${sample.track}/${sample.track_configuration}/${sample.car_model}`;
    const { current_time: time, normalized_position: position } = sample;
    if (place !== this.place) {
      this.place = place;
      this.forget();
      this.begin(sample);
    } else if (time < this.time - 500 || sample.completed_laps < this.number - 1) {
      this.cross();
      this.begin(sample);
    }
    this.measureSectors(sample);
    this.trace(time, position);
    this.time = time;
    this.position = position;
    if (position > NEAR_LINE && position < 1 - NEAR_LINE) this.number = sample.completed_laps + 1;
  }

  /** The server's word on a lap: whether it is valid, and its official times. */
  judge(lap) {
    const times = lap.sectors_ms ?? [];
    if (lap.end === "line" && this.time < JUDGED_MS) {
      times.forEach((time, index) => time && this.sectors[index]?.old && this.compare(index, time));
    }
    if (!lap.valid || !(lap.time_ms > 0)) return;
    times.forEach((time, index) => {
      if (time) this.bestSectors[index] = Math.min(this.bestSectors[index] ?? Infinity, time);
    });
    const { pending } = this;
    if (pending?.number !== lap.number) return;
    this.pending = null;
    if (this.best && this.best.time <= lap.time_ms) return;
    pending.trace[BINS] = lap.time_ms;
    this.best = { time: lap.time_ms, trace: pending.trace, sectors: times };
  }

  /** Seconds behind the best lap at this place of the track; null where there is none to compare with. */
  get delta() {
    if (!this.best || !this.comparable) return null;
    return (this.time - timeAt(this.best.trace, this.position)) / 1000;
  }

  /** Where the best lap was, 0..1, after the time that this one has taken; null where it is over, or there is none. */
  get ghost() {
    if (!this.best || !this.comparable || this.time > this.best.time) return null;
    return positionAt(this.best.trace, this.time);
  }

  /** Whether clock and place belong together: not on the grid, nor on the way out of the pits. */
  get comparable() {
    return this.timed && this.position !== null && !(this.whole && this.bin < 0);
  }

  begin(sample) {
    const time = sample?.current_time ?? 0;
    const position = sample?.normalized_position ?? 0;
    const atLine = position < NEAR_LINE || position > 1 - NEAR_LINE;
    this.times = new Float32Array(BINS + 1); // ms; one lap's worth, and at most three are kept
    this.bin = -1; // the last place that has its time
    this.whole = time < SETTLED_MS && atLine; // so far: seen from its start, and without a jump
    this.timed = time >= SETTLED_MS || atLine;
    this.time = time;
    this.position = sample ? position : null;
    this.number = (sample?.completed_laps ?? 0) + 1;
    this.sectorIndex = this.whole ? 0 : (sample?.current_sector_index ?? 0);
    this.sectorBegan = this.whole ? 0 : null; // ms of the lap; null where it was not seen
  }

  /** The lap is over: at the line, or by a restart or the jump into the pits. */
  cross() {
    if (this.whole && this.position > 1 - NEAR_LINE) {
      this.times.fill(this.time, this.bin + 1);
      this.pending = { number: this.number, trace: this.times };
      if (this.sectorBegan !== null) this.finishSector(this.sectorIndex, this.time - this.sectorBegan);
    }
    for (const sector of this.sectors) if (sector) sector.old = true;
  }

  /** When this lap came to each place; between two samples by their straight line. */
  trace(time, position) {
    if (!this.whole) return;
    if (this.bin < 0 && position > 0.5) return; // the clock is over the line, the position not yet
    if (position < NEAR_LINE && this.bin > BINS / 2) return; // the other way round
    const from = this.bin < 0 ? 0 : this.position;
    if (Math.abs(position - from) > JUMP) {
      this.whole = false;
      return;
    }
    const target = Math.min(Math.floor(position * BINS), BINS - 1);
    for (let bin = this.bin + 1; bin <= target; bin += 1) {
      const share = position > from ? (bin / BINS - from) / (position - from) : 1;
      this.times[bin] = this.time + (time - this.time) * Math.min(Math.max(share, 0), 1);
      this.bin = bin;
    }
  }

  measureSectors({ current_sector_index: index, current_time: time, last_sector_time: official }) {
    // Behind the line the old index may stand for a frame, or the new one come before the clock has started anew.
    if (index === this.sectorIndex || index === 0 || (this.whole && time < SETTLED_MS)) return;
    let done = null;
    if (index === this.sectorIndex + 1) {
      const own = this.sectorBegan === null ? null : time - this.sectorBegan;
      done = own === null || Math.abs(official - own) < SPLIT_MS ? official : own;
      this.finishSector(this.sectorIndex, done);
    }
    this.sectorBegan = done !== null && this.sectorBegan !== null ? this.sectorBegan + done : time;
    this.sectorIndex = index;
  }

  finishSector(index, time) {
    if (!(time > 0)) return;
    this.sectors[index] = { time: 0, old: false, gain: null, best: false };
    this.compare(index, time);
  }

  compare(index, time) {
    const before = this.best?.sectors[index];
    const sector = this.sectors[index];
    sector.time = time;
    sector.gain = before ? time - before : null;
    sector.best = this.bestSectors[index] !== undefined && time < this.bestSectors[index];
  }
}

/** The time of a trace at a position of 0..1. */
function timeAt(trace, position) {
  const place = Math.min(Math.max(position, 0), 1) * BINS;
  const bin = Math.min(Math.floor(place), BINS - 1);
  return trace[bin] + (trace[bin + 1] - trace[bin]) * (place - bin);
}

/** The position of 0..1 at a time of a trace. */
function positionAt(trace, time) {
  let low = 0;
  let high = BINS;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (trace[middle] <= time) low = middle;
    else high = middle;
  }
  const step = trace[high] - trace[low];
  return (low + (step > 0 ? Math.min((time - trace[low]) / step, 1) : 0)) / BINS;
}
