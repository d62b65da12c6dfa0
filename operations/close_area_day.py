"""The end of one area's local day inside the area stage: what the day stage needs of it becomes one row of SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.pages import pack_arrays, unpack_arrays
from metering.alert import Alert
from metering.catalogue import CATALOGUE, FAMILIES
from metering.evidence import SET_STRENGTH, AreaDay
from metering.messages import Finding
from metering.ports import AreaDayRow
from operations.area import AreaInProgress, DayInProgress, Outcome, alert_of, day_page
from operations.derived_points import alert_points

SCHEMA = "area_day/1"


def close_area_day(area: AreaInProgress, ordinal: int, partition: int, outcome: Outcome) -> None:
    """Pack the day's features, strongest evidence, open alerts and findings; forget what the day stage now knows."""
    day = area.days.pop(ordinal, None) or DayInProgress(area.context)
    area.touch(day_page(ordinal))
    open_alerts, changed = area.bank.at_day_close()
    outcome.alerts.update((a.alert_id, a) for a in changed)
    outcome.points += alert_points(changed, area.archive)
    at_s = area.archive.calendar.day_close(date.fromordinal(ordinal))
    area.silences = {i: s for i, s in area.silences.items() if at_s < s.until_s}
    heard = tuple(a for a in open_alerts if not any(s.covers(a, at_s) for s in area.silences.values()))
    if len(heard) < len(open_alerts):
        outcome.count({"alerts_silenced": len(open_alerts) - len(heard)})
    closed = ClosedAreaDay(_area_day(area, ordinal, day), heard, tuple(area.findings))
    area.findings = []
    outcome.area_days.append(AreaDayRow(area.name, ordinal, partition, pack_area_day(closed)))


@dataclass(frozen=True, slots=True, eq=False)
class ClosedAreaDay:
    """What crosses from the area stage to the day stage; `open_alerts` are those that no silence covers."""

    day: AreaDay
    open_alerts: tuple[Alert, ...]
    findings: tuple[Finding, ...]


#: Rows of the catalogue that say something about a case worth visiting. Hazards rank by harm, in a lane of their own.
_WEIGHTS = np.array(
    [[row.weight if row.lane in ("suspicion", "area") else 0.0] for row in CATALOGUE.values()], dtype=np.float64
)
_ROWS_OF_FAMILY = {
    family: rows
    for family in FAMILIES
    if (rows := [i for i, row in enumerate(CATALOGUE.values()) if row.family == family and _WEIGHTS[i, 0]])
}


def _area_day(area: AreaInProgress, ordinal: int, day: DayInProgress) -> AreaDay:
    # what does not reach the set value is half a case at most
    strength = np.nan_to_num(day.strength)
    weighted = np.where(strength >= SET_STRENGTH, strength, strength / 2) * _WEIGHTS
    energy_kwh, missing_share = day.features.totals()
    return AreaDay(
        area.name,
        ordinal,
        area.area.meter_ids,
        energy_kwh,
        missing_share,
        day.features.close(),
        {family: weighted[rows].max(axis=0) for family, rows in _ROWS_OF_FAMILY.items()},
        np.isfinite(energy_kwh) & ~day.suspected & ~area.area.is_supply,
    )


def pack_area_day(closed: ClosedAreaDay) -> bytes:
    day = closed.day
    arrays: dict[str, NDArray[Any]] = {
        "energy_kwh": day.energy_kwh,
        "missing_share": day.missing_share,
        "trusted": day.trusted,
    }
    arrays |= {f"feature/{name}": values for name, values in day.features.items()}
    arrays |= {f"family/{name}": values for name, values in day.family_strength.items()}
    story = {
        "transformer_area": day.transformer_area,
        "day_ordinal": day.day_ordinal,
        "meter_ids": list(day.meter_ids),
        "open_alerts": [asdict(a) for a in closed.open_alerts],
        "findings": [asdict(f) for f in closed.findings],
    }
    arrays["story"] = np.frombuffer(json.dumps(story).encode(), dtype=np.uint8)
    return pack_arrays(SCHEMA, arrays)


def unpack_area_day(payload: bytes) -> ClosedAreaDay:
    arrays = unpack_arrays(SCHEMA, payload)
    story = json.loads(arrays.pop("story").tobytes())
    return ClosedAreaDay(
        AreaDay(
            story["transformer_area"],
            story["day_ordinal"],
            tuple(story["meter_ids"]),
            arrays["energy_kwh"],
            arrays["missing_share"],
            _under("feature/", arrays),
            _under("family/", arrays),
            arrays["trusted"],
        ),
        tuple(alert_of(row) for row in story["open_alerts"]),
        tuple(Finding(**row) for row in story["findings"]),
    )


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
