// What all drawing shares: sharp canvases of any size, and the theme's colours.

/** The theme's colours, read from the style sheet once per theme and not once per frame. */
export const palette = {};

const COLOURS = ["text", "muted", "line", "grid", "track", "good", "bad", "warn", "cool", "accent", "purple", "panel"];

export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  for (const name of COLOURS) palette[name] = style.getPropertyValue(`--${name}`).trim();
  palette.font = getComputedStyle(document.body).fontFamily;
  palette.size = parseFloat(style.fontSize);
}

/** A canvas that follows the size of its box and is drawn on in CSS pixels; `version` counts its resizes. */
export class HiDpiCanvas {
  constructor(canvas) {
    this.element = canvas;
    this.context = canvas.getContext("2d");
    this.width = 0;
    this.height = 0;
    this.version = 0;
    new ResizeObserver(() => this.fit()).observe(canvas.parentElement);
    this.fit();
  }

  fit() {
    const { clientWidth, clientHeight } = this.element.parentElement;
    const ratio = Math.min(devicePixelRatio || 1, 3);
    this.width = clientWidth;
    this.height = clientHeight;
    this.ratio = ratio;
    this.element.width = Math.round(clientWidth * ratio);
    this.element.height = Math.round(clientHeight * ratio);
    this.version += 1;
  }

  /** The context, emptied and in CSS pixels. */
  clear() {
    const { context } = this;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    return context;
  }
}
