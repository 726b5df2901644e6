"""Telemetry of the racing simulator Assetto Corsa."""
