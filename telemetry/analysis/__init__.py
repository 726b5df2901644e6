"""Laps against laps, and the quality of a recording."""
