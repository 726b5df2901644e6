// The stream: one WebSocket that comes back by itself, with growing pauses.

import { FIELDS } from "./fields.js";

const PAUSES_S = [0.5, 1, 2, 4, 8, 15]; // the last one from then on
const PING_EVERY_S = 5;
const SILENCE_S = 12; // without any message, not even an answer to a ping: the connection is dead

/** What the dashboard of one car asks for. */
export const DASHBOARD_OPTIONS = `hello=1&events=1&delta=1&track=1&fields=${FIELDS.join(",")}`;

/** Where the stream is: beside this page, with the token that the page was opened with. */
export function streamUrl(page, options) {
  const url = new URL("./", page);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const token = new URL(page).searchParams.get("token");
  url.search = `?${options}`;
  if (token !== null) url.searchParams.set("token", token);
  return url.href;
}

/**
 * Calls `onSample(sample)`, `onEvent(message)` for typed messages, and `onChange()` when `status` changes:
 * "connecting" (for the first time or again), "open", or "pausing" until `retryAt` (performance.now() in ms).
 */
export class Connection {
  constructor(url, { onSample, onEvent, onChange }) {
    this.url = url;
    this.onSample = onSample;
    this.onEvent = onEvent;
    this.onChange = onChange;
    this.status = "connecting";
    this.retryAt = 0;
    this.failures = 0;
    this.socket = null;
    this.timer = 0;
    this.heardAt = 0;
    setInterval(() => this.checkPulse(), PING_EVERY_S * 1000);
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
  }

  /** Connect now. */
  open() {
    clearTimeout(this.timer);
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.heardAt = performance.now();
    this.change("connecting");
    // An old socket can still speak after it was given up: only the present one counts.
    socket.onopen = () => socket === this.socket && this.change("open");
    socket.onmessage = (event) => socket === this.socket && this.hear(event.data);
    socket.onclose = () => socket === this.socket && this.pause();
  }

  /** End a pause early. */
  retry() {
    if (this.status === "pausing") this.open();
  }

  /** Set a marker in the recording; the server tells all clients of it. */
  setMarker(name) {
    if (this.status === "open") this.socket.send(JSON.stringify({ type: "marker", name }));
  }

  hear(data) {
    this.heardAt = performance.now();
    this.failures = 0;
    const message = JSON.parse(data);
    if (message.type === undefined) this.onSample(message);
    else this.onEvent(message);
  }

  pause() {
    const pause = 1000 * PAUSES_S[Math.min(this.failures, PAUSES_S.length - 1)];
    this.failures += 1;
    this.socket = null;
    this.retryAt = performance.now() + pause;
    this.timer = setTimeout(() => this.open(), pause);
    this.change("pausing");
  }

  /** A browser does not notice a pulled cable: so ask, and give up on a server that does not answer. */
  checkPulse() {
    const silence = (performance.now() - this.heardAt) / 1000;
    if (this.status === "pausing") return;
    if (silence > SILENCE_S) {
      const socket = this.socket;
      this.pause();
      socket.close();
    } else if (this.status === "open" && silence > PING_EVERY_S / 2) {
      this.socket.send('{"type": "ping"}');
    }
  }

  change(status) {
    this.status = status;
    this.onChange();
  }
}
