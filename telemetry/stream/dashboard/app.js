// The page's one loop: samples go into bounded memory as they come, and a frame is drawn of the newest.

import { Limits } from "./model/limits.js";
import { SectorTimes } from "./model/sectors.js";
import { CarPanel } from "./panels/car.js";
import { DamagePanel } from "./panels/damage.js";
import { DrivePanel } from "./panels/drive.js";
import { FlagPanel } from "./panels/flags.js";
import { ForceDiagram } from "./panels/forces.js";
import { LapPanel } from "./panels/lap.js";
import { StatusBar } from "./panels/status.js";
import { Traces } from "./panels/traces.js";
import { TrackMap } from "./panels/track_map.js";
import { TyrePanel } from "./panels/tyres.js";
import { Connection, DASHBOARD_OPTIONS, streamUrl } from "./stream/connection.js";
import { Health } from "./stream/health.js";
import { readPalette } from "./ui/canvas.js";
import { findElement } from "./ui/elements.js";

const TEXT_MS = 100; // between two frames of text: 10 Hz is enough to read
const REDUCED_MOTION_MS = 200; // between two frames of the canvases for those who asked for less motion
const RESIZE_MS = 150; // after the last change of size

/** The whole page: what takes the samples, what draws them, and what of it is due in a frame. */
class Dashboard {
  constructor() {
    readPalette();
    this.limits = new Limits();
    this.sectorTimes = new SectorTimes();
    this.traces = new Traces();
    this.map = new TrackMap();
    this.forces = new ForceDiagram();
    this.car = new CarPanel();
    this.lap = new LapPanel(this.sectorTimes, this.limits);
    const { lap } = this;
    const tyres = new TyrePanel(this.limits);
    this.recorders = [this.sectorTimes, this.traces, this.map, this.forces]; // add(sample): every sample
    this.panels = [new DrivePanel(this.limits), lap, tyres]; // draw(sample): every frame with a new sample
    this.textPanels = [lap, tyres, this.map, this.forces, new DamagePanel(this.limits), new FlagPanel(), this.car];

    this.sample = null; // the newest
    this.isNew = false; // whether the panels have not shown it
    this.isTextOld = false; // whether the text panels show less than the newest sample
    this.redraw = true; // everything, whether there is a new sample or not
    this.textAt = 0; // ms of the newest frame of text
    this.canvasesAt = 0; // ms of the newest frame of the canvases
    this.resizeTimer = 0;
    this.reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

    this.health = new Health(["localhost", "127.0.0.1", "[::1]"].includes(location.hostname));
    this.connection = new Connection(streamUrl(location.href, DASHBOARD_OPTIONS), {
      onSample: (sample) => this.onSample(sample),
      onEvent: (message) => this.onEvent(message),
      onChange: () => this.onConnectionChange(),
    });
    this.statusBar = new StatusBar(this.connection, this.health);
  }

  start() {
    this.listen();
    this.restyle();
    this.connection.open();
    requestAnimationFrame((now) => this.drawFrame(now));
  }

  onSample(sample) {
    this.sample = sample;
    this.isNew = this.isTextOld = this.statusBar.sampled = true;
    this.health.add(sample, performance.now());
    for (const recorder of this.recorders) recorder.add(sample);
  }

  onEvent(message) {
    if (message.type === "hello") {
      this.statusBar.onHello(message);
      this.limits.onHello(message);
    }
    if (message.type === "state") this.statusBar.game = message;
    if (message.type === "marker") this.statusBar.onMarker(message, performance.now());
    if (message.type === "lap") {
      this.sectorTimes.onLapCompleted(message);
      this.car.onLapCompleted(message);
    }
    if (message.type === "track") this.map.onTrack(message);
    if (message.type === "reference") {
      this.map.onReference(message);
      this.lap.onReference(message);
    }
    if (message.type === "segment") this.lap.onSegment(message);
    if (message.type === "error") {
      console.warn(`The server says: ${message.message}`);
      this.statusBar.onError(message, performance.now());
    }
    this.redraw = true;
  }

  onConnectionChange() {
    if (this.connection.status === "open") this.health.restart();
    else this.statusBar.game = null; // the game's state may have changed since
    this.redraw = true;
  }

  drawFrame(now) {
    requestAnimationFrame((next) => this.drawFrame(next)); // not called while the page is hidden
    const { sample } = this;
    const dimmed = !this.statusBar.isCurrent(now);
    const isTextDue = this.redraw || now - this.textAt >= TEXT_MS;
    if (isTextDue) {
      this.textAt = now;
      this.statusBar.draw(sample, now);
    }
    if (sample && isTextDue && (this.isTextOld || this.redraw)) {
      this.isTextOld = false;
      for (const panel of this.textPanels) panel.drawText(sample);
    }
    if (sample && (this.isNew || this.redraw)) {
      this.isNew = false;
      for (const panel of this.panels) panel.draw(sample);
      this.drawCanvases(now, dimmed);
    }
    this.redraw = false;
  }

  drawCanvases(now, dimmed) {
    if (!this.redraw && this.reducedMotion.matches && now - this.canvasesAt < REDUCED_MOTION_MS) return;
    this.canvasesAt = now;
    this.traces.drawCanvas();
    this.map.drawCanvas(dimmed);
    this.forces.drawCanvas(dimmed);
  }

  /** Canvases hold on to colours and sizes: read them again after another theme or size. */
  restyle() {
    readPalette();
    this.traces.build();
    this.map.refresh();
    this.redraw = true;
  }

  listen() {
    addEventListener("resize", () => {
      clearTimeout(this.resizeTimer);
      this.resizeTimer = setTimeout(() => this.restyle(), RESIZE_MS);
    });
    addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "m" || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      this.connection.setMarker("key");
    });
    document.addEventListener("themechange", () => this.restyle());
    findElement("theme").addEventListener("click", () => document.dispatchEvent(new Event("toggletheme")));
    const fullscreen = findElement("fullscreen");
    fullscreen.hidden = !document.fullscreenEnabled;
    fullscreen.addEventListener("click", () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen();
    });
  }
}

new Dashboard().start();
