// Elements of the page that are touched only when what they show has changed.

import { DASH } from "./format.js";

/** The element of this id; a page without it is broken, and says so at once. */
export function findElement(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element ${id}.`);
  return found;
}

function toElement(target) {
  return typeof target === "string" ? findElement(target) : target;
}

/** Text that is written only when it changed, into one text node that stays. */
export class TextElement {
  constructor(target) {
    this.element = toElement(target);
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
export class DataAttribute {
  constructor(target, name) {
    this.element = toElement(target);
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
  constructor(target, vertical = false) {
    this.element = toElement(target);
    this.vertical = vertical;
    this.shown = -1;
    this.set(0);
  }

  /** Fill it to a fraction of 0..1. */
  set(fraction) {
    const steps = Math.round(400 * Math.min(Math.max(fraction || 0, 0), 1));
    if (steps === this.shown) return;
    this.shown = steps;
    this.element.style.transform = this.vertical ? `scaleY(${steps / 400})` : `scaleX(${steps / 400})`;
  }
}

/** A bar from its middle: to the right for values up to 1, to the left down to -1. */
export class CentredBar {
  constructor(target) {
    this.element = toElement(target);
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
