// What the page of all rigs says of one.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as texts from "../../../telemetry/stream/dashboard/overview/texts.js";
import { vectors } from "./vectors.js";

const rig = vectors.rig; // as the server says it, of a rig that is driven
const silent = Object.fromEntries(Object.keys(rig).map((key) => [key, null])); // of one that never answered

test("a rig says its state, and a rig that is away that it is", () => {
  assert.deepEqual([texts.stateWord(rig), texts.stateColour(rig)], ["Live", "good"]);
  assert.deepEqual([texts.stateWord({ ...rig, state: "replay" }), texts.stateColour({ ...rig, state: "replay" })], ["Replay", "cool"]);
  assert.deepEqual([texts.stateWord({ ...rig, state: "menu" }), texts.stateColour({ ...rig, state: "menu" })], ["Menu", "warn"]);
  const away = { ...rig, connected: false, state: "gone" };
  assert.deepEqual([texts.stateWord(away), texts.stateColour(away)], ["Offline", "bad"]);
});

test("the lap is one of so many, and says what is special about it", () => {
  assert.deepEqual([texts.lapText(rig), texts.lapText({ ...rig, laps: null }), texts.lapText(silent)], ["4 of 10", "4", "\u2013"]);
  assert.equal(texts.lapNote(rig), "");
  assert.equal(texts.lapNote({ ...rig, lap_valid: false }), "invalid");
  assert.equal(texts.lapNote({ ...rig, lap_valid: false, in_pits: true }), "in the pits");
});

test("the best lap is compared where another rig has one on the same track", () => {
  const fastest = { ...rig, gap_best_ms: 0 };
  const behind = { ...rig, gap_best_ms: 1250 };
  assert.equal(texts.bestNote(behind, [fastest, behind]), "+1.250");
  assert.equal(texts.bestNote(fastest, [fastest, behind]), "fastest");
  assert.equal(texts.bestNote(fastest, [fastest, { ...behind, layout: "short" }, { ...behind, gap_best_ms: null }]), "");
  assert.equal(texts.bestNote(silent, [silent]), "");
});

test("the gap on the track is in seconds, or in laps", () => {
  const gap = (gap_laps, gap_s) => texts.gapText({ ...rig, gap_laps, gap_s });
  assert.deepEqual([gap(null, null), gap(0, 0), gap(0, 1.26), gap(0, null)], ["\u2013", "first", "+1.3", "\u2013"]);
  assert.deepEqual([gap(1, 90), gap(2, null)], ["+1 lap", "+2 laps"]);
  assert.deepEqual([texts.placeText(rig), texts.placeText({ ...rig, cars: 1 }), texts.placeText(silent)], ["place 2 of 12", "", ""]);
});

test("a stream that is not as it should be says so", () => {
  const health = (values) => texts.healthText({ ...rig, age_s: 0.4, missed: 0, ...values });
  assert.deepEqual([health({}), health({ missed: 12 }), health({ age_s: 3.2, missed: 1 })], ["", "12 missed", "3 s old, 1 missed"]);
  assert.deepEqual([health({ age_s: 125 }), health({ age_s: 7300, connected: false, missed: 4 })], ["2 min old", "2 h old"]);
  assert.equal(texts.healthText(silent), "");
});

test("the track has its layout", () => {
  assert.deepEqual([texts.trackText(rig), texts.trackText({ ...rig, layout: "gp" }), texts.trackText(silent)], ["Spa", "Spa / Gp", "\u2013"]);
});
