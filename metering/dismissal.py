"""A person's word that an alert is no problem, and why: from the office, without a visit, so it counts less than a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BenignReason:
    """Why an alert is no problem.

    `teaches`: what was seen is somebody's ordinary life, so that what looks alike is a little less suspect; else the evidence was
    right, and its cause was our own doing. `settles_hazards`: whoever says so knows that nothing dangerous is there.
    """

    code: str
    name_en: str
    name_zh: str
    teaches: bool = True
    settles_hazards: bool = False


BENIGN_REASONS: Mapping[str, BenignReason] = {
    reason.code: reason
    for reason in (
        BenignReason("known_vacancy", "the home or shop is known to be empty", "已知房屋或店铺空置"),
        BenignReason("new_tenant", "a new tenant or owner lives otherwise", "新租户或新业主，用电习惯不同"),
        BenignReason("fewer_people", "the same customer, with more or fewer people or machines", "同一用户，人口或设备增减"),
        BenignReason("solar_or_battery", "known solar panels, battery or generator", "已知光伏、储能或自备发电"),
        BenignReason("new_appliance", "a known new appliance, heat pump or charger", "已知新增电器、热泵或充电桩"),
        BenignReason("seasonal_business", "a business or farm that works by season", "季节性生产或农业用电"),
        BenignReason("holiday", "a festival, holiday or stoppage that is known", "已知节假日或停产"),
        BenignReason(
            "planned_work", "planned work of ours or the customer's", "我方或用户的计划检修", teaches=False, settles_hazards=True
        ),
        BenignReason(
            "meter_exchanged", "the meter was exchanged or its data corrected", "已换表或已更正表计数据", teaches=False, settles_hazards=True
        ),
        BenignReason("data_fault", "a fault of the data, not of the customer", "数据有误，与用户无关", teaches=False, settles_hazards=True),
        BenignReason("tested_by_us", "our own test", "我方测试", teaches=False, settles_hazards=True),
        BenignReason("other", "another reason, as the note says", "其他原因，见备注"),
    )
}  # fmt: skip
#: What it says only with a note.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Dismissal:
    """One person's word on one alert. `meter_id` is None for an area's own alert; `said_at_s` is event time."""

    dismissal_id: str
    alert_id: str
    transformer_area: str
    meter_id: str | None
    abnormality: str
    said_at_s: int
    by: str
    because: str
    note: str = ""

    @property
    def why(self) -> BenignReason:
        """The reason of the list; one that only another version knows is another reason."""
        return BENIGN_REASONS.get(self.because, BENIGN_REASONS[OTHER])

    @property
    def teaches(self) -> bool:
        """Whether it says anything of how meters like this one look."""
        return self.meter_id is not None and self.why.teaches


def dismissal_of(told: Mapping[str, Any]) -> Dismissal:
    """A dismissal as it was written down."""
    return Dismissal(**told)
