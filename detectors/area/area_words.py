"""An area's balance in words, English and Chinese: what is lost, what explains it, how it moves with the load, and where voltages fell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.area.line_drops import Place
from detectors.area.suspects import Suspects
from metering.alert import Reason

_NAMED_METERS = 3
#: A fall of voltages that is worth a word beside other explanations.
SHOWN_V = 1.0


class Said(NamedTuple):
    """A sentence in both languages; empty where there is nothing to say."""

    en: str
    zh: str


NOTHING_SAID = Said("", "")
LOAD_OF_ITS_OWN = Said(
    "it has a rhythm of its own, not the load's: a load without a meter", "其变化有自身规律，不随负荷：存在无表用电"
)
OF_COPPER = Said(
    "it grows with the square of the load: a bad joint or a thin conductor", "随负荷平方增长：接头不良或导线过细"
)


def in_proportion(share: float) -> Said:
    """The loss is `share` of the load, hour by hour."""
    return Said(
        f"it moves with the load hour by hour, {share:+.1%} of it: the supply meter's ratio or wiring, not a line",
        f"逐时随负荷变化，为其 {share:+.1%}：考核表倍率或接线问题，而非线路",
    )


def lost_phases(unit: str, letters: str) -> Said:
    """The supply meter measures no `unit` ("current", "voltage") on the phases `letters`."""
    unit_zh = {"current": "电流", "voltage": "电压"}[unit]
    return Said(
        f"the supply meter measures no {unit} on phase {letters}, from which customers draw: its own circuit is open",
        f"考核表 {letters} 相无{unit_zh}，而该相有用户用电：考核表自身回路断开",
    )


def lost(name: str, *, loss_kwh: float, supplied_kwh: float, rest_kwh: float, day: str) -> Reason:
    """What is lost a day (kWh), and what of it nothing explains since `day` (empty: not known)."""
    share = loss_kwh / supplied_kwh
    return Reason(
        name,
        f"{loss_kwh:.4g} kWh a day lost of {supplied_kwh:.5g} supplied ({share:.1%}); {rest_kwh:+.4g} kWh a day of it"
        f"{day and f' since {day}'} are neither technical loss nor what suspected meters explain",
        text_zh=f"日损失 {loss_kwh:.4g} kWh，供电 {supplied_kwh:.5g} kWh（{share:.1%}）；其中{day and f'自 {day} 起'}"
        f"每日 {rest_kwh:+.4g} kWh 既非技术损耗，也非疑似表计所能解释",
    )


def explained(name: str, suspects: Suspects, meter_ids: tuple[str, ...]) -> Reason:
    """What suspected meters explain of it, and which they are; for the area's case where there is none."""
    share = suspects.probability * suspects.missing_kwh
    named = [int(row) for row in np.argsort(-np.abs(share), kind="stable")[:_NAMED_METERS] if share[row]]
    if not named:
        return Reason(
            name,
            "no meter of the area is suspected of any of it",
            text_zh="本台区没有疑似表计能解释其中任何部分",
        )
    who = ", ".join(f"{meter_ids[r]} ({suspects.probability[r]:.2f}, {suspects.missing_kwh[r]:.3g})" for r in named)
    kwh = f"{suspects.explained_kwh:.4g} ± {suspects.explained_error_kwh:.3g} kWh"
    return Reason(
        name,
        f"suspected meters explain {kwh} a day (probability, kWh): {who}",
        against=True,
        text_zh=f"疑似表计每日可解释 {kwh}（概率，kWh）：{who}",
    )


def fallen_at(name: str, place: Place, *, told: bool) -> Reason:
    """Where voltages fell; what it may be, unless the loss has `told` that already."""
    volts = f"{place.fallen_v:.2g} V"
    what = "" if told else ": a bad joint, a thin conductor or a load without a meter"
    what_zh = "" if told else "：接头不良、导线过细或存在无表用电"
    return Reason(
        name,
        f"most likely at segment {place.segment}: voltages there are {volts} lower than its metered load explains, "
        f"phase {place.phases}{what}",
        text_zh=f"最可能在 {place.segment} 段：该处 {place.phases} 相电压比已计量负荷所能解释的低 {volts}{what_zh}",
    )
