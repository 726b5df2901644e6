// Levels and bands, against the colours of the terminal's view.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Limits } from "../../../telemetry/stream/dashboard/model/limits.js";
import { vectors } from "./vectors.js";

function limitsOf(hello) {
  const limits = new Limits();
  limits.onHello(hello);
  return limits;
}

for (const name of ["temperatureBand", "wearLevel", "damageLevel", "slipLevel"]) {
  test(`${name} changes where the terminal's colour and the flags do`, () => {
    const cases = vectors.limits[name];
    assert.ok(cases.length > 5);
    const limits = limitsOf(vectors.hello);
    for (const [value, level] of cases) assert.equal(limits[name](value), level, `${name}(${value})`);
  });
}

test("levels follow the thresholds of the server", () => {
  const limits = limitsOf({ thresholds: { ...vectors.hello.thresholds, tyre_damaged: 0.7, damaged: 0.3 } });
  assert.deepEqual([0.7, 0.71].map((worn) => limits.wearLevel(worn)), ["good", "warn"]);
  assert.deepEqual([0.3, 0.31, 0.51].map((damage) => limits.damageLevel(damage)), ["good", "warn", "bad"]);
});

test("bars are full and lights come on where the limits say", () => {
  const limits = limitsOf(vectors.hello);
  const { display_limits: display } = vectors.hello;
  assert.equal(limits.slipFraction(display.full_slip), 1);
  assert.equal(limits.deltaFraction(-display.full_delta_s), -1);
  assert.deepEqual([0.69, 0.71, 0.92].map((rpm) => limits.shiftLights(rpm, 15)), [0, 1, 15]);
  assert.deepEqual([0.919, 0.92].map((rpm) => limits.isTimeToShift(rpm)), [false, true]);
});

test("without a hello, or with one that has no limits, nothing has a colour", () => {
  for (const limits of [new Limits(), limitsOf({ type: "hello" })]) {
    assert.deepEqual(
      [limits.temperatureBand(80), limits.wearLevel(0.9), limits.damageLevel(0.9), limits.slipLevel(2)],
      ["none", "none", "none", "none"],
    );
    assert.deepEqual([limits.slipFraction(2), limits.deltaFraction(2), limits.shiftLights(1, 15)], [0, 0, 0]);
    assert.equal(limits.isTimeToShift(1), false);
  }
});
