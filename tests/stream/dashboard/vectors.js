// What the Python code says: made by tests/stream/test_dashboard_modules.py, which runs these tests.

import { readFileSync } from "node:fs";

export const vectors = JSON.parse(readFileSync(process.env.DASHBOARD_VECTORS, "utf-8"));
