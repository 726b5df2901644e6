// How it stands with the game and the stream: the badge, the figures beside it, and what is waited for.

import { DASH, Mark, Text, duration, element, figure, title } from "./text.js";

/** States with nothing to show but a message. */
const EMPTY = new Set(["waiting", "loading", "gone"]);

/** States in which the values are those of now; in all others they stay, but dimmed. */
const LIVELY = new Set(["live", "still"]);

const COLOURS = { live: "good", still: "good", replay: "cool", stalled: "bad", gone: "bad", offline: "bad" };

const SILENT_MS = 3000;

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
    this.badge = new Text("state");
    this.colour = new Mark("state-badge", "colour");
    this.message = new Text("state-message");
    this.car = new Text("car-name");
    this.track = new Text("track-name");
    this.session = new Text("session");
    this.rate = new Text("rate");
    this.missed = new Text("missed");
    this.missedLevel = new Mark("missed", "level");
    this.age = new Text("age");
    this.view = new Mark(document.body, "view");
    this.cardTitle = new Text("card-title");
    this.cardText = new Text("card-text");
    this.cardRetry = new Text("card-retry");
    this.announcement = new Text("announcement");
    this.announcement.set("");
    this.retry = element("retry");
    this.retry.addEventListener("click", () => connection.retry());
    this.version = new Text("version");
    this.version.set("");
  }

  hello(message) {
    this.version.set(message.version && message.version !== "unknown" ? `${message.tool} ${message.version}` : "");
  }

  /** The state as one word: of the stream where it does not run, else of the game. */
  state(now) {
    const { status, failures } = this.connection;
    if (status !== "open") return failures || this.sampled ? "offline" : "connecting";
    const state = this.game?.state ?? (this.sampled ? "live" : "connecting");
    return state === "live" && this.health.silence(now) > SILENT_MS ? "stalled" : state;
  }

  /** Whether the values on show are those of now. */
  lively(now) {
    return LIVELY.has(this.state(now));
  }

  draw(sample, now) {
    const state = this.state(now);
    const message = this.sentence(state);
    const empty = !sample || EMPTY.has(state);
    this.badge.set(state[0].toUpperCase() + state.slice(1));
    this.colour.set(COLOURS[state] ?? "warn");
    this.view.set(empty ? "empty" : LIVELY.has(state) ? "live" : "dimmed");
    const pause = this.pause(now);
    this.message.set(empty || state === "live" ? "" : pause || message);
    this.retry.hidden = this.connection.status !== "pausing";
    if (empty) {
      this.cardTitle.set(TITLES[state] ?? state);
      this.cardText.set(message);
      this.cardRetry.set(pause);
    }
    this.announce(state, message);
    this.drawFigures(now);
    if (sample) this.drawSession(sample);
  }

  sentence(state) {
    if (TEXTS[state] && !(state === "connecting" && this.game)) return TEXTS[state];
    if (this.game?.state === state) return this.game.message || "";
    return state === "stalled" ? "No samples are coming." : "";
  }

  /** What the connection does about it. */
  pause(now) {
    const { status, retryAt, failures } = this.connection;
    if (status === "pausing") return `Next try in ${Math.max(Math.ceil((retryAt - now) / 1000), 1)} s`;
    return status === "connecting" && failures ? "Trying to connect" : "";
  }

  /** Told to screen readers when the state changes, or its reason comes after it: never a number that runs. */
  announce(state, message) {
    if (state === this.announced && (this.explained || !message)) return;
    this.announced = state;
    this.explained = message !== "";
    this.announcement.set(`${TITLES[state] ?? `State: ${state}`}. ${message}`.trim());
    document.title = `${state === "live" ? "" : `${TITLES[state] ?? state} \u00b7 `}Assetto Corsa telemetry`;
  }

  drawFigures(now) {
    const { health } = this;
    const open = this.connection.status === "open";
    const rate = open ? health.rate(now) : null;
    this.rate.set(rate === null ? DASH : figure(rate, 1));
    this.missed.set(figure(health.missed));
    this.missedLevel.set(health.missed ? "warn" : "none");
    const age = health.age(now, Date.now());
    this.age.set(age === null ? DASH : age < 1000 ? `${figure(age)} ms` : age < 600000 ? `${figure(age / 1000, 1)} s` : "> 10 min");
  }

  drawSession(sample) {
    const layout = sample.track_configuration ? ` / ${title(sample.track_configuration)}` : "";
    const left = duration(sample.session_time_left / 1000);
    this.car.set(title(sample.car_model) || "No car");
    this.track.set(`${title(sample.track) || "No track"}${layout}`);
    this.session.set(`${title(sample.session_name)}${left ? `, ${left} left` : ""}`);
  }
}
