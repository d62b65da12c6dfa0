"""A condition that holds, but not yet as long as the catalogue asks: there is no alert yet, and nobody is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Of one meter (None: of the area) and kind. It holds since `since_s` (epoch seconds of event time) and becomes an alert once it
    held for `must_s`; `observed` and `expected`, in `unit`, are of when it had held for half of that."""

    transformer_area: str
    meter_id: str | None
    service_point: str
    abnormality: str
    since_s: int
    must_s: int
    observed: float
    expected: float
    unit: str

    def held_s(self, now_s: int) -> int:
        """How long it has held at `now_s`, intervals that nobody judged included; never longer than it must."""
        return min(max(now_s - self.since_s, 0), self.must_s)
