// The state of the game and the stream: the badge, the stream's health beside it, and what the page waits for.

import { DataAttribute, TextElement, findElement } from "../ui/elements.js";
import { DASH, displayName, formatDuration, formatNumber } from "../ui/format.js";

/** States with nothing to show but a message. */
const EMPTY = new Set(["waiting", "loading", "gone"]);

/** States in which the values are current; in all others they stay, but dimmed. */
const CURRENT = new Set(["live", "still"]);

const COLOURS = { live: "good", still: "good", replay: "cool", stalled: "bad", gone: "bad", offline: "bad" };

const STALL_MS = 3000; // without a sample
const NOTICE_MS = 4000; // for which a new marker, or an error, is shown

const TITLES = {
  connecting: "Connecting",
  offline: "No connection",
  waiting: "Waiting for Assetto Corsa",
  loading: "The session is loading",
  gone: "The game is gone",
};

const TEXTS = {
  connecting: "Looking for the telemetry server.",
  offline: "The telemetry server does not answer. Is it still running?",
};

export class StatusBar {
  constructor(connection, health) {
    this.connection = connection;
    this.health = health;
    this.game = null; // the newest state event
    this.sampled = false;
    this.badge = new TextElement("state");
    this.colour = new DataAttribute("state-badge", "colour");
    this.message = new TextElement("state-message");
    this.car = new TextElement("car-name");
    this.track = new TextElement("track-name");
    this.session = new TextElement("session");
    this.rate = new TextElement("rate");
    this.missed = new TextElement("missed");
    this.missedLevel = new DataAttribute("missed", "level");
    this.age = new TextElement("age");
    this.view = new DataAttribute(document.body, "view");
    this.cardTitle = new TextElement("card-title");
    this.cardText = new TextElement("card-text");
    this.cardRetry = new TextElement("card-retry");
    this.announcement = new TextElement("announcement");
    this.announcement.set("");
    this.announced = null; // the newest state that was announced
    this.explained = false; // whether with its reason
    this.retry = findElement("retry");
    this.retry.addEventListener("click", () => connection.retry());
    this.markers = 0; // since the page was opened
    this.notice = ""; // the newest marker or error
    this.noticedAt = -Infinity; // ms
    this.version = new TextElement("version");
    this.version.set("");
  }

  onHello(message) {
    this.version.set(message.version && message.version !== "unknown" ? `${message.tool} ${message.version}` : "");
  }

  onMarker(message, now) {
    const { name } = message;
    this.markers += 1;
    this.notice = `marker ${formatNumber(this.markers)}${name === "key" ? "" : `: ${name}`}`;
    this.noticedAt = now;
  }

  /** What the server did not do, like setting a marker for a stranger. */
  onError(message, now) {
    this.notice = message.message;
    this.noticedAt = now;
  }

  /** For a few seconds the newest marker, as "marker 2" with the name that it was given, or error. */
  noticeText(now) {
    return now - this.noticedAt > NOTICE_MS ? "" : this.notice;
  }

  /** The state as one word: of the stream where it does not run, else of the game. */
  state(now) {
    const { status, failures } = this.connection;
    if (status !== "open") return failures || this.sampled ? "offline" : "connecting";
    const state = this.game?.state ?? (this.sampled ? "live" : "connecting");
    return state === "live" && this.health.silence(now) > STALL_MS ? "stalled" : state;
  }

  /** Whether the values on show are current. */
  isCurrent(now) {
    return CURRENT.has(this.state(now));
  }

  draw(sample, now) {
    const state = this.state(now);
    const message = this.messageFor(state);
    const empty = !sample || EMPTY.has(state);
    this.badge.set(state[0].toUpperCase() + state.slice(1));
    this.colour.set(COLOURS[state] ?? "warn");
    this.view.set(empty ? "empty" : CURRENT.has(state) ? "live" : "dimmed");
    const retryText = this.retryText(now);
    this.message.set(this.noticeText(now) || (empty || state === "live" ? "" : retryText || message));
    this.retry.hidden = this.connection.status !== "pausing";
    if (empty) {
      this.cardTitle.set(TITLES[state] ?? state);
      this.cardText.set(message);
      this.cardRetry.set(retryText);
    }
    this.announce(state, message);
    this.drawHealth(now);
    if (sample) this.drawSession(sample);
  }

  messageFor(state) {
    if (TEXTS[state] && !(state === "connecting" && this.game)) return TEXTS[state];
    if (this.game?.state === state) return this.game.message || "";
    return state === "stalled" ? "No samples are coming." : "";
  }

  /** What the connection does about it. */
  retryText(now) {
    const { status, retryAt, failures } = this.connection;
    if (status === "pausing") return `Next try in ${Math.max(Math.ceil((retryAt - now) / 1000), 1)} s`;
    return status === "connecting" && failures ? "Trying to connect" : "";
  }

  /** Read by screen readers when the state changes, or its reason comes after it: never a number that runs. */
  announce(state, message) {
    if (state === this.announced && (this.explained || !message)) return;
    this.announced = state;
    this.explained = message !== "";
    this.announcement.set(`${TITLES[state] ?? `State: ${state}`}. ${message}`.trim());
    document.title = `${state === "live" ? "" : `${TITLES[state] ?? state} \u00b7 `}Assetto Corsa telemetry`;
  }

  drawHealth(now) {
    const { health } = this;
    const open = this.connection.status === "open";
    const rate = open ? health.rate(now) : null;
    this.rate.set(rate === null ? DASH : formatNumber(rate, 1));
    this.missed.set(formatNumber(health.missed));
    this.missedLevel.set(health.missed ? "warn" : "none");
    const age = health.age(now, Date.now());
    this.age.set(age === null ? DASH : age < 1000 ? `${formatNumber(age)} ms` : age < 600000 ? `${formatNumber(age / 1000, 1)} s` : "> 10 min");
  }

  drawSession(sample) {
    const layout = sample.track_configuration ? ` / ${displayName(sample.track_configuration)}` : "";
    const left = formatDuration(sample.session_time_left / 1000);
    this.car.set(displayName(sample.car_model) || "No car");
    this.track.set(`${displayName(sample.track) || "No track"}${layout}`);
    this.session.set(`${displayName(sample.session_name)}${left ? `, ${left} left` : ""}`);
  }
}
