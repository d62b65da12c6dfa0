"""Current transformers as they are sold: rated primary current over 5 A."""

from __future__ import annotations

SECONDARY_A = 5.0
PRIMARY_A = (
    50,
    75,
    100,
    150,
    200,
    250,
    300,
    400,
    500,
    600,
    750,
    800,
    1000,
    1200,
    1500,
    2000,
    2500,
    3000,
    4000,
    5000,
    6000,
)


def others(booked_ratio: float, least: float, most: float) -> tuple[float, ...]:
    """Standard ratios from `least` to `most` times the booked one, smallest first, without itself.

    >>> others(30.0, 1.25, 4.0)
    (40.0, 50.0, 60.0, 80.0, 100.0, 120.0)
    """
    ratios = (primary_a / SECONDARY_A for primary_a in PRIMARY_A)
    return tuple(ratio for ratio in ratios if least <= ratio / booked_ratio <= most and ratio != booked_ratio)
