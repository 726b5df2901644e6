import math

import pytest

from telemetry.base.checks import require_positive
from telemetry.base.errors import UsageError


@pytest.mark.parametrize("value", [1, 0.001, 1e300])
def test_a_positive_number_passes(value: float) -> None:
    require_positive("rate", value)


def test_infinity_passes_only_where_it_is_allowed() -> None:
    require_positive("speed", math.inf, allow_infinity=True)
    with pytest.raises(UsageError, match=r"^rate must be finite, got inf\.$"):
        require_positive("rate", math.inf)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (-1, "-1"), (-0.5, "-0.5"), (math.nan, "nan")])
def test_any_other_number_is_an_error_that_is_a_value_error_too(value: float, text: str) -> None:
    with pytest.raises(ValueError, match=rf"^rate must be greater than 0, got {text}\.$") as caught:
        require_positive("rate", value)
    assert isinstance(caught.value, UsageError)
