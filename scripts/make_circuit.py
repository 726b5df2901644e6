"""Compute the demo's circuit and its racing line, and write the file that the demo reads them from."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from telemetry.demo.circuit import CIRCUIT_FILE, encode_circuit
from telemetry.demo.racing_line import compute_racing_line
from telemetry.demo.track import compute_track

track = compute_track()
CIRCUIT_FILE.write_bytes(encode_circuit(track, compute_racing_line(track)))
print(f"{CIRCUIT_FILE.name}: {CIRCUIT_FILE.stat().st_size} bytes")
