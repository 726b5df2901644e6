// The health of the stream, the window of the last seconds, and where the stream is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SlidingWindow } from "../../../telemetry/stream/dashboard/model/sliding_window.js";
import { DASHBOARD_OPTIONS, streamUrl } from "../../../telemetry/stream/dashboard/stream/connection.js";
import { FIELDS } from "../../../telemetry/stream/dashboard/stream/fields.js";
import { Health } from "../../../telemetry/stream/dashboard/stream/health.js";

test("rate, missed samples, age and silence", () => {
  const health = new Health(true);
  assert.deepEqual([health.rate(0), health.age(0, 0), health.silence(0)], [null, null, Infinity]);
  for (let index = 0; index <= 40; index += 1) health.add({ sequence: index, timestamp: 100 + index / 20 }, 50 * index);
  assert.equal(health.rate(2000), 20);
  assert.equal(health.age(2000, 102500), 500);
  assert.equal(health.silence(2300), 300);
  health.add({ sequence: 44, timestamp: 103 }, 3000);
  assert.equal(health.missed, 3);
  health.restart();
  health.add({ sequence: 90, timestamp: 104 }, 4000);
  assert.equal(health.missed, 3);
  health.add({ sequence: 2, timestamp: 104 }, 4100);
  assert.equal(health.missed, 0);
  const elsewhere = new Health(false); // its clock says nothing
  elsewhere.add({ sequence: 0, timestamp: 5 }, 1000);
  assert.equal(elsewhere.age(1200, 0), 200);
});

test("a window keeps its seconds, in memory that is taken once", () => {
  const window = new SlidingWindow(2, 10, 1000);
  const columns = [...window.columns];
  for (let index = 0; index < 60 * 600; index += 1) window.add(index / 60, index);
  const [times, values] = window.views();
  assert.ok(columns.every((column, index) => column === window.columns[index]));
  assert.ok(window.size === 600 || window.size === 601);
  assert.ok(Math.abs(times.at(-1) - times[0] - 10) < 0.02);
  assert.equal(values.at(-1), 60 * 600 - 1);
  window.add(1, null); // time went back
  assert.deepEqual([window.size, window.newest], [1, 1]);
  assert.ok(Number.isNaN(window.views()[1][0]));
});

test("the stream is beside the page, and gets the page's token", () => {
  const url = new URL(streamUrl("https://rig.example:8765/index.html?token=a%26b", DASHBOARD_OPTIONS));
  assert.deepEqual([url.protocol, url.host, url.pathname], ["wss:", "rig.example:8765", "/"]);
  assert.deepEqual([...url.searchParams.keys()], ["hello", "events", "delta", "track", "fields", "token"]);
  assert.equal(url.searchParams.get("token"), "a&b");
  assert.equal(url.searchParams.get("fields"), FIELDS.join(","));
  assert.equal(new URL(streamUrl("http://localhost:8765/", "hello=1")).searchParams.get("token"), null);
  assert.equal(new URL(streamUrl("http://lab:1/rigs/left/?token=a", "hello=1")).href, "ws://lab:1/rigs/left/?hello=1&token=a");
});
