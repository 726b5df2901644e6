// The page of all rigs: a row for each, drawn anew whenever the server says something of it.

import { Connection, streamUrl } from "../stream/connection.js";
import { DataAttribute, TextElement, findElement } from "../ui/elements.js";
import { RigRow } from "./row.js";
import { stateWord } from "./texts.js";

class OverviewPage {
  constructor() {
    this.rigs = new Map(); // by name, in the server's order
    this.rows = new Map();
    this.body = findElement("rigs");
    this.state = new TextElement("state");
    this.colour = new DataAttribute("state-badge", "colour");
    this.message = new TextElement("message");
    this.announcement = new TextElement("announcement");
    this.announcement.set("");
    this.retry = findElement("retry");
    this.connection = new Connection(streamUrl(location.href, "hello=1"), {
      onSample: () => {},
      onEvent: (message) => this.onMessage(message),
      onChange: () => this.drawHeader(),
    });
  }

  start() {
    this.retry.addEventListener("click", () => this.connection.retry());
    findElement("theme").addEventListener("click", () => document.dispatchEvent(new Event("toggletheme")));
    this.drawHeader();
    setInterval(() => this.drawHeader(), 1000); // the seconds to the next try
    this.connection.open();
  }

  onMessage(message) {
    if (message.type === "hello") this.onHello(message);
    if (message.type === "rig") this.onRig(message);
  }

  /** The server may have been started again with other rigs. */
  onHello(message) {
    const token = new URL(location.href).searchParams.get("token");
    const query = token === null ? "" : `?${new URLSearchParams({ token })}`;
    this.rigs.clear();
    this.rows = new Map((message.rigs ?? []).map((name) => [name, new RigRow(name, query)]));
    this.body.replaceChildren(...[...this.rows.values()].map((row) => row.element));
    this.drawHeader();
  }

  onRig(rig) {
    const row = this.rows.get(rig.name);
    if (!row) return;
    const before = this.rigs.get(rig.name);
    this.rigs.set(rig.name, rig);
    row.draw(rig, [...this.rigs.values()]);
    if (before && stateWord(before) !== stateWord(rig)) this.announcement.set(`${rig.name}: ${stateWord(rig)}. ${rig.message}`.trim());
    this.drawHeader();
  }

  drawHeader() {
    const { status, failures, retryAt } = this.connection;
    const open = status === "open";
    this.retry.hidden = status !== "pausing";
    document.body.dataset.stream = open ? "open" : "lost";
    if (!open) {
      this.state.set(failures ? "No connection" : "Connecting");
      this.colour.set(failures ? "bad" : "warn");
      const seconds = Math.max(Math.ceil((retryAt - performance.now()) / 1000), 1);
      this.message.set(status === "pausing" ? `The server does not answer. Next try in ${seconds} s` : "");
      return;
    }
    const connected = [...this.rigs.values()].filter((rig) => rig.connected).length;
    this.state.set(`${connected} of ${this.rows.size} connected`);
    this.colour.set(connected === this.rows.size ? "good" : "warn");
    this.message.set("");
  }
}

new OverviewPage().start();
