// Numbers and times as text, against what Python writes.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as format from "../../../telemetry/stream/dashboard/ui/format.js";
import { vectors } from "./vectors.js";

for (const [name, cases] of Object.entries(vectors.format)) {
  test(`${name} writes what Python writes`, () => {
    assert.ok(cases.length > 5);
    for (const [value, text] of cases) assert.equal(format[name](value), text, `${name}(${value})`);
  });
}

test("what is no number is a dash, and a zero has no sign", () => {
  for (const value of [null, undefined, NaN, Infinity]) assert.equal(format.formatNumber(value, 2, true), "\u2013");
  assert.equal(format.formatPercent(null), "\u2013");
  assert.equal(format.formatNumber(-0.0004, 3, true), "0.000");
  assert.equal(format.formatNumber(-1.5, 1), "\u22121.5");
  assert.equal(format.formatNumber(12345678), "1e+7");
});

test("a sector time without a value is a dash", () => {
  for (const value of [null, undefined, 0, -1]) assert.equal(format.formatSectorTime(value), "\u2013");
});

test("a folder's name becomes one for people", () => {
  const names = { ks_nordschleife: "Nordschleife", demo_gt3: "Demo GT3", "layout a": "Layout A", "": "" };
  for (const [folder, name] of Object.entries(names)) assert.equal(format.displayName(folder), name);
});
