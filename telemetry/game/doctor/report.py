"""What the doctor reports: findings, each with a sentence and, where something is to be done, an advice."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum


class DoctorStatus(StrEnum):
    """How good a finding is."""

    OK = "ok"
    """Nothing to do."""
    WARN = "warn"
    """Recording would work, but something makes it worse."""
    FAIL = "fail"
    """Recording would not work."""


@dataclass(frozen=True)
class DoctorFinding:
    """The result of one check."""

    topic: str
    """What was checked."""
    status: DoctorStatus
    """How good it is."""
    message: str
    """What was found, in a sentence."""
    advice: str = ""
    """What to do about it; empty for nothing."""
    facts: dict[str, object] = field(default_factory=dict)
    """The figures for a program, JSON-compatible."""


@dataclass(frozen=True)
class DoctorReport:
    """All findings, in the order in which a person would ask."""

    findings: tuple[DoctorFinding, ...]

    @property
    def ready(self) -> bool:
        """Whether recording would work now."""
        return all(finding.status is not DoctorStatus.FAIL for finding in self.findings)

    def as_dict(self) -> dict[str, object]:
        """The report for a program, JSON-compatible."""
        return {"ready": self.ready, "findings": [asdict(finding) for finding in self.findings]}
