// Figures as text, and elements that are touched only when what they show has changed.

export const DASH = "\u2013";
const MINUS = "\u2212";
const NO_TIME = `${DASH}:${DASH}${DASH}.${DASH}${DASH}${DASH}`;

/** A figure with so many decimals; a dash for what is no number. */
export function figure(value, decimals = 0, sign = false) {
  if (value == null || !Number.isFinite(value)) return DASH;
  const text = Math.abs(value) >= 1e6 ? Math.abs(value).toExponential(0) : Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text; // a zero has a sign only by accident of rounding
  return value < 0 ? MINUS + text : sign ? `+${text}` : text;
}

/** A share of 1 in percent. */
export function percent(value) {
  return value == null ? DASH : figure(100 * value);
}

/** Milliseconds as m:ss.mmm; 0 and less is none. */
export function lapTime(ms) {
  if (!(ms > 0)) return NO_TIME;
  const seconds = Math.floor(ms / 1000);
  const rest = String(seconds % 60).padStart(2, "0");
  return `${Math.floor(seconds / 60)}:${rest}.${String(Math.floor(ms % 1000)).padStart(3, "0")}`;
}

/** The time of a sector as s.mmm, or as a lap's where it takes a minute. */
export function sectorTime(ms) {
  if (!(ms > 0)) return DASH;
  return ms < 60000 ? (ms / 1000).toFixed(3) : lapTime(ms);
}

/** A gap in seconds with its sign. */
export function gap(seconds) {
  return figure(seconds, Math.abs(seconds) >= 100 ? 1 : 3, true);
}

/** A positive number of seconds as h:mm:ss or m:ss; empty for what is none, like a session without an end. */
export function duration(seconds) {
  if (!(seconds > 0 && seconds < 360000)) return "";
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60);
  const text = String(whole % 60).padStart(2, "0");
  return minutes < 60
    ? `${minutes}:${text}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${text}`;
}

/** A folder's name as a person would write it: ks_nordschleife is Nordschleife; the prefix only names the maker. */
export function title(folder) {
  const words = folder.replace(/^(ks|rt|acu?|vrc|urd|rss)_/i, "").split(/[_\s]+/).filter(Boolean);
  return words.map((word) => (/\d/.test(word) ? word.toUpperCase() : word[0].toUpperCase() + word.slice(1))).join(" ");
}

/** The element of this id; a page without it is broken, and says so at once. */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element ${id}.`);
  return found;
}

/** Text that is written only when it changed, into one text node that stays. */
export class Text {
  constructor(at) {
    this.element = typeof at === "string" ? element(at) : at;
    this.shown = DASH;
    this.element.textContent = this.shown;
  }

  set(text) {
    if (text === this.shown) return;
    this.shown = text;
    this.element.firstChild.nodeValue = text;
  }
}

/** A data attribute that is written only when it changed: what the style sheet colours by. */
export class Mark {
  constructor(at, name) {
    this.element = typeof at === "string" ? element(at) : at;
    this.name = name;
    this.shown = null;
  }

  set(value) {
    if (value === this.shown) return;
    this.shown = value;
    this.element.dataset[this.name] = value;
  }
}

/** A bar that grows by a transform alone, which costs no layout; `vertical` from its foot, else from the left. */
export class Bar {
  constructor(at, vertical = false) {
    this.element = typeof at === "string" ? element(at) : at;
    this.vertical = vertical;
    this.shown = -1;
    this.set(0);
  }

  /** Fill it to a share of 0..1. */
  set(share) {
    const steps = Math.round(400 * Math.min(Math.max(share || 0, 0), 1));
    if (steps === this.shown) return;
    this.shown = steps;
    this.element.style.transform = this.vertical ? `scaleY(${steps / 400})` : `scaleX(${steps / 400})`;
  }
}

/** A bar from its middle: to the right for values up to 1, to the left down to -1. */
export class CentredBar {
  constructor(at) {
    this.element = typeof at === "string" ? element(at) : at;
    this.shown = null;
    this.set(0);
  }

  set(value) {
    const steps = Math.round(200 * Math.min(Math.max(value || 0, -1), 1));
    if (steps === this.shown) return;
    this.shown = steps;
    this.element.style.transform = `scaleX(${steps / 200})`; // its origin is the left edge, at the middle of its box
  }
}
