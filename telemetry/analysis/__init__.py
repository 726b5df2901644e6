"""What can be computed from complete recordings, without changing them.

- :mod:`~telemetry.analysis.quality` reports on a recording: laps, rate, gaps, pauses and odd values, and whether it is
  good enough for a data set (``info`` and ``validate`` print it).
- :mod:`~telemetry.analysis.plan_report` writes the report on all recordings of a plan's folder.
"""
