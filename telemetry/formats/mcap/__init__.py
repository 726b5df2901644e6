"""MCAP recordings: every physics step with the game's pages byte for byte, readable by the robotics world's tools.

A recording has a channel for each page, whose schema (ROS 1) names every field at its very offset, and one for events.
"""

from telemetry.formats.mcap.layout import SUFFIXES
from telemetry.formats.mcap.recording import Info, McapRecording
from telemetry.formats.mcap.recovery import Recovered, recover
from telemetry.formats.mcap.sink import McapSink, create

__all__ = ["SUFFIXES", "Info", "McapRecording", "McapSink", "Recovered", "create", "recover"]
