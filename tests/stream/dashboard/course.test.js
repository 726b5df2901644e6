// The line of a track by position: every place once, also over the end of the spline, and none in a gap.

import assert from "node:assert/strict";
import { test } from "node:test";

import { placesByPosition } from "../../../telemetry/stream/dashboard/model/course.js";

const circle = (count, first = 0, part = 1) => {
  const position = Array.from({ length: count }, (_, index) => (first + (part * index) / count) % 1);
  return { position, x: position.map((at) => 100 * at), z: position.map((at) => -at) };
};

test("a closed line has a place at every position, wherever it begins", () => {
  for (const first of [0, 0.337]) {
    const places = placesByPosition(circle(100, first), 1000);
    assert.equal(places.known.every(Boolean), true);
    assert.ok(Math.abs(places.x[503] - 50.3) < 1e-3);
    assert.ok(Math.abs(places.z[503] + 0.503) < 1e-5);
  }
});

test("what a line does not reach is not known", () => {
  const places = placesByPosition(circle(100, 0.1, 0.5), 1000);
  assert.deepEqual([places.known[99], places.known[100], places.known[590], places.known[700]], [0, 1, 1, 0]);
  assert.equal(placesByPosition({ position: [], x: [], z: [] }, 10).known.some(Boolean), false);
});
