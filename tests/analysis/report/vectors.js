// What the Python side of the tests wrote.

import { readFileSync } from "node:fs";

export const vectors = JSON.parse(readFileSync(process.env.REPORT_VECTORS, "utf-8"));
