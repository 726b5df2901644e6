// What the page makes of its data, against what Python put into them.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as model from "../../../telemetry/analysis/report/page/model.js";
import { vectors } from "./vectors.js";

test("numbers come out of base64 as they were put in, and what is none is null", () => {
  const [lap] = vectors.page.laps;
  for (const [name, values] of Object.entries(vectors.channels)) {
    const decoded = model.decodeNumbers(lap[name]);
    assert.equal(decoded.length, values.length);
    decoded.forEach((value, at) => {
      if (values[at] === null) assert.equal(value, null);
      else assert.ok(Math.abs(value - values[at]) <= 1e-6 * Math.max(1, Math.abs(values[at])), `${name} ${at}`);
    });
  }
  assert.deepEqual(model.decodeNumbers("AADAfwAAgD8="), [null, 1]);
});

test("a place lies in the corner whose window holds it, or on a straight", () => {
  const { corners } = vectors.page;
  assert.equal(corners.length, 7);
  for (const corner of corners) assert.equal(model.cornerAt(corners, corner.apex), corner);
  assert.equal(model.cornerAt(corners, 0), null);
});

test("the nearest place is found from either side and beyond the ends", () => {
  const places = [0, 10, 20, 40];
  const found = [-5, 0, 4, 6, 19, 29, 31, 99].map((place) => model.nearestIndex(places, place));
  assert.deepEqual(found, [0, 0, 0, 1, 2, 2, 3, 3]);
  assert.equal(model.nearestIndex([7], 3), 0);
});

test("an axis holds its values with a little room, and keeps the limits that are given", () => {
  assert.deepEqual(model.rangeOf([[0, 100], [null, 50]], 0, 100), [0, 100]);
  assert.deepEqual(model.rangeOf([[0, 100]], null, null), [-6, 106]);
  assert.deepEqual(model.rangeOf([[null]], null, null), [-0.06, 1.06]);
  assert.deepEqual(model.rangeOf([[80, 80]], null, null), [76, 84]);
  assert.deepEqual(model.rangeOf([[0, 0]], null, null), [-0.01, 0.01]);
});

test("gears are those on the dashboard of a car", () => {
  assert.deepEqual([0, 1, 2, 7, null].map(model.gearName), ["R", "N", "1", "6", "\u2013"]);
});
