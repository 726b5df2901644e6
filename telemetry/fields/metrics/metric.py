"""What a metric is, and how many of them become one function."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_type_hints

from telemetry.fields.schema import FieldSpec, Group, Row
from telemetry.fields.snapshot import Snapshot

ARGUMENTS: Final = ("now", "before", "thresholds")
"""Inputs that are no field: the snapshot itself, the sample before it (None on the first), and the thresholds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intermediate:
    """A value that several metrics need and no sample holds: calculated once per sample."""

    name: str
    inputs: "tuple[Input, ...]"
    scalar: Callable[..., Any]
    columns: Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(FieldSpec):
    """A derived field: its name, type, unit and meaning, and the function that calculates it.

    ``scalar`` is a pure function of its ``inputs``, given by position: raw fields by name, other metrics, intermediate
    values, and :data:`ARGUMENTS`. ``columns`` is the same function of whole columns, value for value: ``now`` is there
    the :class:`~telemetry.fields.columns.DerivedBlock`, ``before`` the sample before the first of them, numbers are
    float64 with NaN for null, integers int64, texts a :class:`~telemetry.fields.blocks.TextColumn`, and other nulls
    masked.
    ``reads`` names the raw fields that it takes off ``now`` and ``before`` and cannot do without.
    """

    name: str
    value_type: Any
    group: Group = "derived"
    inputs: "tuple[Input, ...]"
    scalar: Callable[..., Any]
    columns: Callable[..., Any]
    reads: tuple[str, ...] = ()


Input = str | Intermediate | Metric


def collect_metrics(row: type[Row]) -> tuple[Metric, ...]:
    """The metrics that the annotations of this class name, in the order of its fields.

    Raises TypeError where an attribute and its metric differ in name or type.
    """
    metrics = []
    for name, hint in get_type_hints(row, include_extras=True).items():
        value_type, *specs = get_args(hint) or (hint,)
        for metric in specs:
            if not isinstance(metric, Metric):
                continue
            if (metric.name, metric.value_type) != (name, value_type):
                raise TypeError(
                    f"{row.__name__}.{name} is declared as {value_type}, "
                    f"but its metric is {metric.name} of {metric.value_type}"
                )
            metrics.append(metric)
    return tuple(metrics)


def compile_metrics(metrics: Sequence[Metric]) -> Callable[..., tuple[Any, ...]]:
    """One function of :data:`ARGUMENTS` that returns the values of all metrics, in their order.

    It is generated and compiled once: plain local variables and direct calls, as if written by hand. A loop over the
    metrics that looks up each input would take more than twice as long. Raises TypeError for an unknown input.
    """
    calculations = list(_in_order(metrics))
    fields = sorted({name for step in calculations for name in _field_names(step)}, key=Snapshot.INDEX.__getitem__)
    namespace: dict[str, Any] = {f"calculate_{step.name}": step.scalar for step in calculations}
    namespace["take_fields"] = Snapshot.getter(*fields)
    source = "\n".join(
        [
            f"def calculate({', '.join(ARGUMENTS)}):",
            f"    {', '.join(fields)} = take_fields(now)",
            *(
                f"    {step.name} = calculate_{step.name}({', '.join(map(_variable, step.inputs))})"
                for step in calculations
            ),
            f"    return ({', '.join(metric.name for metric in metrics)},)",
        ]
    )
    exec(compile(source, "<generated from METRICS>", "exec"), namespace)  # noqa: S102 - our own text, as dataclasses do
    calculate: Callable[..., tuple[Any, ...]] = namespace["calculate"]
    return calculate


def raw_inputs(metric: Metric) -> frozenset[str]:
    """The raw fields without which a metric says nothing: its own inputs, and those of what it is calculated from."""
    return frozenset(name for step in _in_order([metric]) for name in (*_field_names(step), *_read_names(step)))


def needs_before(metric: Metric) -> bool:
    """Whether a metric, or anything it is calculated from, looks at the sample before."""
    return any("before" in step.inputs for step in _in_order([metric]))


def _read_names(step: Metric | Intermediate) -> tuple[str, ...]:
    return step.reads if isinstance(step, Metric) else ()


def _in_order(calculations: Sequence[Metric | Intermediate]) -> Iterator[Metric | Intermediate]:
    """The calculations and those that they need, each once and after what it needs."""
    done: set[str] = set()

    def visit(step: Metric | Intermediate) -> Iterator[Metric | Intermediate]:
        if step.name in done:
            return
        done.add(step.name)
        for needed in step.inputs:
            if not isinstance(needed, str):
                yield from visit(needed)
        yield step

    for step in calculations:
        yield from visit(step)


def _field_names(step: Metric | Intermediate) -> Iterator[str]:
    """The raw fields among the inputs."""
    for needed in step.inputs:
        if isinstance(needed, str) and needed not in ARGUMENTS:
            if needed not in Snapshot.INDEX:
                raise TypeError(f"{step.name} needs {needed}, which is not a raw field")
            yield needed


def _variable(needed: Input) -> str:
    return needed if isinstance(needed, str) else needed.name
