// Sector times: a drive's samples and laps as the server sends them, and the sectors that Python finds in them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SectorTimes } from "../../../telemetry/stream/dashboard/model/sectors.js";
import { vectors } from "./vectors.js";

function shown(sectors) {
  return sectors.map(({ time, delta, best, previousLap }) => ({ time, delta, best, previousLap }));
}

test("after each lap its sectors are the official ones, compared with the best lap before", () => {
  const sectorTimes = new SectorTimes();
  let laps = 0;
  for (const { message, expected } of vectors.sectors) {
    if (message.type !== "lap") {
      sectorTimes.add(message);
      continue;
    }
    sectorTimes.onLapCompleted(message);
    if (expected) assert.deepEqual(shown(sectorTimes.sectors), expected, `lap ${message.number}`);
    laps += 1;
  }
  assert.equal(laps, vectors.lap_count);
  assert.equal(sectorTimes.bestLap.time, vectors.best_time_ms);
});

test("the sectors are the same where the timing line lies elsewhere on the spline, once it was crossed", () => {
  const sectorTimes = new SectorTimes();
  let laps = 0;
  for (const { message, expected } of vectors.sectors) {
    if (message.type !== "lap") {
      const line = message.completed_laps > 0 ? 0.8 : null;
      sectorTimes.add({ ...message, normalized_position: (message.normalized_position + 0.8) % 1, line_position: line });
      continue;
    }
    sectorTimes.onLapCompleted(message);
    laps += 1;
    if (expected && laps > 1) assert.deepEqual(shown(sectorTimes.sectors), expected, `lap ${message.number}`);
  }
  assert.equal(laps, vectors.lap_count);
  assert.equal(sectorTimes.bestLap.time, vectors.best_time_ms);
});

test("another car makes every comparison void", () => {
  const sectorTimes = new SectorTimes();
  for (const { message } of vectors.sectors) {
    if (message.type === "lap") sectorTimes.onLapCompleted(message);
    else sectorTimes.add(message);
  }
  const { message } = vectors.sectors.at(-1);
  sectorTimes.add({ ...message, car_model: "other" });
  assert.deepEqual([sectorTimes.bestLap, sectorTimes.bestSectors, sectorTimes.sectors], [null, [], []]);
});

test("each car has a best lap of its own, and has it again when it comes back", () => {
  const sectorTimes = new SectorTimes();
  const sample = { track: "ring", track_configuration: "", completed_laps: 1, current_time: 0, normalized_position: 0 };
  const lap = { track: "ring", layout: "", end: "line", valid: true, sectors_ms: [] };
  sectorTimes.add({ ...sample, car_model: "formula" });
  sectorTimes.onLapCompleted({ ...lap, car: "formula", time_ms: 60000 });
  sectorTimes.add({ ...sample, car_model: "road car" });
  sectorTimes.onLapCompleted({ ...lap, car: "formula", time_ms: 59000 }); // the one before the change of cars
  assert.equal(sectorTimes.bestLap, null);
  sectorTimes.onLapCompleted({ ...lap, car: "road car", time_ms: 95000 });
  assert.equal(sectorTimes.bestLap.time, 95000);
  sectorTimes.add({ ...sample, car_model: "formula" });
  assert.equal(sectorTimes.bestLap.time, 59000);
});

test("a hitch of drawing does not make a lap incomplete, and being put elsewhere does", () => {
  const blank = { track: "ring", track_configuration: "", car_model: "kart", completed_laps: 0, current_sector_index: 0 };
  const after = (time, position, length) => {
    const sectorTimes = new SectorTimes();
    const sample = { ...blank, last_sector_time: 0, track_spline_length: length };
    for (let tick = 0; tick <= 200; tick += 1) {
      sectorTimes.add({ ...sample, current_time: tick * 50, normalized_position: tick / 800 });
    }
    sectorTimes.add({ ...sample, current_time: time, normalized_position: position });
    return sectorTimes.complete;
  };
  assert.equal(after(13000, 0.325, 400), true); // three seconds later
  assert.equal(after(13000, 0.325, 3000), true);
  assert.equal(after(10050, 0.325, 400), false); // in 50 ms
  assert.equal(after(10050, 0.265, 5000), false);
  assert.equal(after(10050, 0.2513, 5000), true);
});

test("a lap that was joined in its middle has no time for the sector under way", () => {
  const sectorTimes = new SectorTimes();
  const blank = { track: "ring", track_configuration: "", car_model: "gt3", completed_laps: 0 };
  const sample = { ...blank, current_time: 20000, normalized_position: 0.3, current_sector_index: 0, last_sector_time: 0 };
  sectorTimes.add(sample);
  assert.equal(sectorTimes.sectorIndex, 0);
  sectorTimes.add({ ...sample, current_time: 31000, normalized_position: 0.34, current_sector_index: 1, last_sector_time: 30950 });
  assert.deepEqual(shown(sectorTimes.sectors), [{ time: 30950, delta: null, best: false, previousLap: false }]);
});
