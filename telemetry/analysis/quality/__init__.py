"""The quality of a recording: is it complete, at which rate, with which gaps and odd values.

:func:`analyze_recording` reads a recording and gives its :class:`QualityReport` and its laps (``analyzer.py``, with the
checks of single values in ``values.py``, and of times in ``intervals.py``). :func:`store_analysis` keeps both in the
recording, and :func:`recall_analysis` finds them there again (``stored.py``). :func:`list_findings` compares the report
with the limits for a data set.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.analysis.quality.analyzer import QualityAnalyzer, RecordingAnalysis, analyze_recording
    from telemetry.analysis.quality.findings import (
        ESSENTIAL_FIELDS,
        MAX_GAP_SHARE,
        QualityFinding,
        list_findings,
    )
    from telemetry.analysis.quality.report import (
        GAP_PERIODS,
        BestLap,
        ClockStep,
        Gaps,
        LapCount,
        OutOfRange,
        QualityReport,
    )
    from telemetry.analysis.quality.stored import recall_analysis, store_analysis
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "ClockStep": "telemetry.analysis.quality.report",
            "ESSENTIAL_FIELDS": "telemetry.analysis.quality.findings",
            "GAP_PERIODS": "telemetry.analysis.quality.report",
            "MAX_GAP_SHARE": "telemetry.analysis.quality.findings",
            "BestLap": "telemetry.analysis.quality.report",
            "Gaps": "telemetry.analysis.quality.report",
            "LapCount": "telemetry.analysis.quality.report",
            "OutOfRange": "telemetry.analysis.quality.report",
            "QualityAnalyzer": "telemetry.analysis.quality.analyzer",
            "QualityFinding": "telemetry.analysis.quality.findings",
            "QualityReport": "telemetry.analysis.quality.report",
            "RecordingAnalysis": "telemetry.analysis.quality.analyzer",
            "analyze_recording": "telemetry.analysis.quality.analyzer",
            "list_findings": "telemetry.analysis.quality.findings",
            "recall_analysis": "telemetry.analysis.quality.stored",
            "store_analysis": "telemetry.analysis.quality.stored",
        },
    )

__all__ = [
    "ESSENTIAL_FIELDS",
    "GAP_PERIODS",
    "MAX_GAP_SHARE",
    "BestLap",
    "ClockStep",
    "Gaps",
    "LapCount",
    "OutOfRange",
    "QualityAnalyzer",
    "QualityFinding",
    "QualityReport",
    "RecordingAnalysis",
    "analyze_recording",
    "list_findings",
    "recall_analysis",
    "store_analysis",
]
