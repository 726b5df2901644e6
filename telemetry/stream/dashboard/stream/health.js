// How well the stream comes in: its rate, what is missing of it, and how old the newest sample is.

const WINDOW_MS = 2000;
const MAX_ARRIVALS = 256; // more than two seconds of the fastest stream

export class Health {
  constructor(sameClock) {
    this.sameClock = sameClock;
    this.arrivals = new Float64Array(MAX_ARRIVALS);
    this.count = 0;
    this.missed = 0;
    this.sequence = null;
    this.timestamp = null;
    this.arrived = 0;
  }

  /** Take note of a sample that arrived at `now`, in ms of performance.now(). */
  add(sample, now) {
    const { sequence } = sample;
    if (this.sequence !== null && sequence > this.sequence + 1) this.missed += sequence - this.sequence - 1;
    if (this.sequence !== null && sequence < this.sequence) this.missed = 0; // another run of the server
    this.sequence = sequence;
    this.timestamp = sample.timestamp;
    this.arrived = now;
    this.arrivals[this.count % MAX_ARRIVALS] = now;
    this.count += 1;
  }

  /** A new connection: what was sent while there was none is not missing of it. */
  restart() {
    this.sequence = null;
    this.count = 0;
  }

  /** Samples per second over the last two seconds; null where there are too few to tell. */
  rate(now) {
    const kept = Math.min(this.count, MAX_ARRIVALS);
    let first = kept;
    for (let back = 1; back <= kept; back += 1) {
      if (now - this.arrivals[(this.count - back) % MAX_ARRIVALS] > WINDOW_MS) break;
      first = back;
    }
    if (first < 2 || first === kept + 1) return null;
    const span = this.arrived - this.arrivals[(this.count - first) % MAX_ARRIVALS];
    return span > 0 ? (1000 * (first - 1)) / span : null;
  }

  /** Milliseconds since the newest sample was taken; from another machine, whose clock differs, since it arrived. */
  age(now, unixMs) {
    if (this.timestamp === null) return null;
    return Math.max(this.sameClock ? unixMs - 1000 * this.timestamp : now - this.arrived, 0);
  }

  /** Milliseconds without a sample. */
  silence(now) {
    return this.timestamp === null ? Infinity : now - this.arrived;
  }
}
