"""Student's t: how often a value is at least so large, and between which values it lies. Without numpy."""

import math

_BISECTIONS = 200


def student_tails(t: float, freedom: float) -> float:
    """How often the size of Student's t with these degrees of freedom is at least that of ``t``."""
    return regularized_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)


def student_quantile(level: float, freedom: float) -> float:
    """The size that Student's t with these degrees of freedom does not reach in ``level`` of cases, like 0.95."""
    low, high = 0.0, 1.0
    while student_tails(high, freedom) > 1.0 - level:
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if not low < middle < high:
            break
        low, high = (middle, high) if student_tails(middle, freedom) > 1.0 - level else (low, middle)
    return high


def regularized_beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function of x in 0..1, by its continued fraction (modified Lentz)."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - regularized_beta(1.0 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    fraction, c, d = 1.0, 1.0, 0.0
    for step in range(400):
        half = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = half * (b - half) * x / ((a + step - 1.0) * (a + step))
        else:
            term = -(a + half) * (a + b + half) * x / ((a + step - 1.0) * (a + step))
        d = 1.0 / _away_from_zero(1.0 + term * d)
        c = _away_from_zero(1.0 + term / c)
        fraction *= c * d
        if step and abs(c * d - 1.0) < 1e-14:
            break
    return front * (fraction - 1.0) / a


def _away_from_zero(number: float) -> float:
    return number if abs(number) > 1e-300 else 1e-300
