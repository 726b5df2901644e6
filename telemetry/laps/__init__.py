"""Samples to laps, and the delta of a running lap to a reference lap. Pure functions, no I/O."""
