from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ac_native_memory as ac
from telemetry.fields.derived import METRICS, Sample, derive
from telemetry.fields.metrics.damage import BODYWORK_DAMAGED
from telemetry.fields.metrics.metric import Input, Metric, collect_metrics, compile_metrics
from telemetry.fields.schema import Row
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from tests.conftest import sample_of, snapshot_of
from tests.fields.test_snapshot import any_pages

ARGUMENTS = st.builds(
    Thresholds,
    tyres_out=st.integers(0, 5),
    damaged=st.floats(-0.1, 1.0),
    tyre_floor=st.none() | st.floats(0.0, 100.0),
    tyre_damaged=st.floats(-0.1, 1.0),
    steer_lock=st.none() | st.floats(100.0, 900.0),
)


def evaluate(needed: Input, now: Snapshot, before: Sample | None, thresholds: Thresholds) -> Any:
    """The value of an input in the plainest way: each calculation again wherever it is needed."""
    if isinstance(needed, str):
        arguments = {"now": now, "before": before, "thresholds": thresholds}
        return arguments[needed] if needed in arguments else getattr(now, needed)
    return needed.scalar(*(evaluate(one, now, before, thresholds) for one in needed.inputs))


@given(any_pages, any_pages, ARGUMENTS)
def test_every_derived_field_is_what_its_metric_calculates(
    first: ac.Pages, second: ac.Pages, thresholds: Thresholds
) -> None:
    before = None
    for now in (decode(first), decode(second)):
        sample = derive(now, before, thresholds)
        expected = {metric.name: evaluate(metric, now, before, thresholds) for metric in METRICS}
        assert repr({metric.name: getattr(sample, metric.name) for metric in METRICS}) == repr(expected)
        before = sample


def test_a_sample_is_a_snapshot_and_its_metrics() -> None:
    assert (*Snapshot.NAMES, *(metric.name for metric in METRICS)) == Sample.NAMES
    described = {field.name: (field.unit, field.meaning, field.valid_range) for field in Sample.FIELDS}
    for metric in METRICS:
        assert described[metric.name] == (metric.unit, metric.meaning, metric.valid_range)


def test_thresholds_are_those_that_were_given() -> None:
    damaged = snapshot_of(car_damage=(0.0, 0.0, 0.0, 0.0, 20.0))
    assert derive(damaged, None, DEFAULTS).bodywork_damaged
    assert not derive(damaged, None, Thresholds(damaged=0.3)).bodywork_damaged


def metric(name: str, *inputs: Input, **changes: Any) -> Metric:
    values = {"value_type": float, "unit": "", "meaning": "", "scalar": lambda *numbers: sum(numbers), **changes}
    values.setdefault("columns", values["scalar"])
    return Metric(name=name, inputs=inputs, **values)


def test_metrics_are_calculated_after_what_they_need_and_once() -> None:
    calls = []

    def twice(number: float) -> float:
        calls.append(number)
        return 2.0 * number

    double = metric("double", "gas", scalar=twice)
    total = metric("total", double, "brake")
    calculate = compile_metrics([total, double, metric("grand_total", total, double)])
    assert calculate(sample_of(gas=0.25, brake=1.0), None, DEFAULTS) == (1.5, 0.5, 2.0)
    assert calls == [0.25]


def test_an_input_that_is_no_field_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"^total needs speed, which is not a raw field$"):
        compile_metrics([metric("total", "speed", "brake")])


def test_an_attribute_and_its_metric_must_agree() -> None:
    class OtherName(Row):
        __slots__ = ()
        damaged: Annotated[bool, BODYWORK_DAMAGED]

    class OtherType(Row):
        __slots__ = ()
        bodywork_damaged: Annotated[int, BODYWORK_DAMAGED]

    for row, declared in ((OtherName, "OtherName.damaged is declared as <class 'bool'>"), (OtherType, "<class 'int'>")):
        with pytest.raises(TypeError, match=f"{declared}, but its metric is bodywork_damaged of <class 'bool'>"):
            collect_metrics(row)
