// What the overview says of a rig, as text. Nothing here knows of the document.

import { DASH, displayName, formatDelta, formatNumber } from "../ui/format.js";

const COLOURS = { live: "good", still: "good", replay: "cool", stalled: "bad", gone: "bad" };

/** The state as one word; of a rig without a connection that is all there is to say. */
export function stateWord(rig) {
  if (!rig.connected) return "Offline";
  return rig.state[0].toUpperCase() + rig.state.slice(1);
}

export function stateColour(rig) {
  return rig.connected ? COLOURS[rig.state] ?? "warn" : "bad";
}

/** The running lap, of as many as the race has. */
export function lapText(rig) {
  if (rig.lap == null) return DASH;
  return rig.laps ? `${rig.lap} of ${rig.laps}` : String(rig.lap);
}

/** What is special about the running lap. */
export function lapNote(rig) {
  if (rig.in_pits) return "in the pits";
  return rig.lap_valid === false ? "invalid" : "";
}

/** How far the best lap is from that of the fastest rig there; empty where no other rig has one. */
export function bestNote(rig, rigs) {
  if (rig.gap_best_ms == null) return "";
  if (rig.gap_best_ms > 0) return formatDelta(rig.gap_best_ms / 1000);
  const others = rigs.filter((other) => other.track === rig.track && other.layout === rig.layout && other.gap_best_ms != null);
  return others.length > 1 ? "fastest" : "";
}

/** How far behind the first rig of the race it is. */
export function gapText(rig) {
  if (rig.gap_laps == null) return DASH;
  if (rig.gap_laps > 0) return `+${rig.gap_laps} ${rig.gap_laps === 1 ? "lap" : "laps"}`;
  if (rig.gap_s == null) return DASH;
  return rig.gap_s > 0 ? formatNumber(rig.gap_s, 1, true) : "first";
}

/** The place in the race, where there are others in it. */
export function placeText(rig) {
  return rig.position != null && rig.cars > 1 ? `place ${rig.position} of ${rig.cars}` : "";
}

export function trackText(rig) {
  if (!rig.track) return DASH;
  return rig.layout ? `${displayName(rig.track)} / ${displayName(rig.layout)}` : displayName(rig.track);
}

/** What is wrong with the stream of a connected rig, and how old its newest sample is where that is long ago. */
export function healthText(rig) {
  const found = [];
  if (rig.age_s != null && rig.age_s >= 3) found.push(`${ageText(rig.age_s)} old`);
  if (rig.connected && rig.missed) found.push(`${formatNumber(rig.missed)} missed`);
  return found.join(", ");
}

function ageText(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}
