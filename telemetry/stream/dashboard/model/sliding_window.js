// The last seconds of a few channels, in memory that is taken once.

/** Columns of equal length whose first is time; what is older than `seconds` is forgotten. */
export class SlidingWindow {
  constructor(columns, seconds, capacity) {
    this.seconds = seconds;
    this.capacity = capacity;
    // Twice the room: values are moved to the front only when the end is reached, not at every sample.
    this.columns = Array.from({ length: columns }, () => new Float64Array(2 * capacity));
    this.clear();
  }

  clear() {
    this.begin = 0;
    this.end = 0;
  }

  get size() {
    return this.end - this.begin;
  }

  /** The newest time; null without samples. */
  get newest() {
    return this.size ? this.columns[0][this.end - 1] : null;
  }

  /** Append one row, null for what is absent; time that runs backwards starts over. */
  add(...row) {
    if (this.size && !(row[0] > this.newest)) {
      if (row[0] === this.newest) return;
      this.clear();
    }
    if (this.end === 2 * this.capacity) {
      const { begin, end } = this;
      for (const column of this.columns) column.copyWithin(0, begin, end);
      this.begin = 0;
      this.end = end - begin;
    }
    for (let index = 0; index < row.length; index += 1) this.columns[index][this.end] = row[index] ?? NaN;
    this.end += 1;
    const oldest = row[0] - this.seconds;
    while (this.size > this.capacity || this.columns[0][this.begin] < oldest) this.begin += 1;
  }

  /** The rows that are there, as views on the columns. */
  views() {
    return this.columns.map((column) => column.subarray(this.begin, this.end));
  }
}
