"""Runs of a plan: the plan file, the runner, the manifest, and resuming an interrupted plan."""
