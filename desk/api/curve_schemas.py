"""Curves as the API gives them: pairs of (interval start, value); a null value begins a hole in the readings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field

from desk.api.schemas import Sent, moment
from metering.curves import Curve, Curves

Pairs = tuple[tuple[datetime, float | None], ...]


class CurvesOut(Sent):
    """One span of a meter (or of an area alone) with its area's balance; what was never measured is empty."""

    transformer_area: str
    meter_id: str | None
    since: datetime
    until: datetime
    by_day: Annotated[bool, Field(description="sums of whole local days; no voltages or currents then")]
    observed_kwh: Pairs
    expected_kwh: Pairs
    voltages_v: Annotated[
        Mapping[str, Pairs], Field(description="by phase a, b, c, or the mean where no phase is read")
    ]
    currents_a: Annotated[
        Mapping[str, Pairs], Field(description="by phase a, b, c, or the mean; `neutral` beside them")
    ]
    supplied_kwh: Pairs
    metered_kwh: Pairs
    loss_share: Annotated[Pairs, Field(description="lost over supplied energy, by hour or local day")]

    @classmethod
    def of(cls, curves: Curves, transformer_area: str, meter_id: str | None) -> CurvesOut:
        return cls(
            transformer_area=transformer_area,
            meter_id=meter_id,
            since=moment(curves.start_s),
            until=moment(curves.end_s),
            by_day=curves.by_day,
            observed_kwh=_pairs(curves.observed),
            expected_kwh=_pairs(curves.expected),
            voltages_v={name: _pairs(curve) for name, curve in curves.voltages.items()},
            currents_a={name: _pairs(curve) for name, curve in curves.currents.items()},
            supplied_kwh=_pairs(curves.supplied),
            metered_kwh=_pairs(curves.metered),
            loss_share=_pairs(curves.loss_share),
        )


def _pairs(curve: Curve) -> Pairs:
    return tuple((moment(at), value) for at, value in curve)
