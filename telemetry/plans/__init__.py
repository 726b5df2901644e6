"""Plans: a plan file says which runs to drive and how many laps of each; the runner records them into a folder.

``plan_file`` reads and checks the file, ``runner`` records the runs and counts their laps, ``manifest`` keeps in the
folder what is recorded so far, and ``resume`` continues from there after an interruption. Which laps count is decided
in one place: :meth:`Run.rejection_reason`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.plans.manifest import Manifest
    from telemetry.plans.plan import Plan, Rejection, Run
    from telemetry.plans.plan_file import parse_plan, read_plan
    from telemetry.plans.runner import Batch
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "Batch": "telemetry.plans.runner",
            "Manifest": "telemetry.plans.manifest",
            "Plan": "telemetry.plans.plan",
            "Rejection": "telemetry.plans.plan",
            "Run": "telemetry.plans.plan",
            "parse_plan": "telemetry.plans.plan_file",
            "read_plan": "telemetry.plans.plan_file",
        },
    )

__all__ = ["Batch", "Manifest", "Plan", "Rejection", "Run", "parse_plan", "read_plan"]
