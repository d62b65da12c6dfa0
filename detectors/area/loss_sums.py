"""A day's balanced hours of an area as sums: what its loss is made of, by least squares, and how the rest moves with the load."""

from __future__ import annotations

import numpy as np

from detectors.area.area_words import LOAD_OF_ITS_OWN, NOTHING_SAID, OF_COPPER, Said, in_proportion, lost_phases
from detectors.day.memory import F64, HOURS
from metering.archive import Area
from metering.evidence import AreaCurves
from metering.readings import PHASES

#: Places in the sums: balanced hours; what technical loss is made of (always, load, load squared by phase), their products, the loss and its.
HOURS_AT, COPPER_AT, LOSS_AT, SQUARE_AT, SUPPLIED_AT = 0, 2, 6, 9, 10
SUMS = 11
#: Hours without sun all year round: where plants feed in and no export is read, only these can be balanced.
_DARK_HOURS = np.isin(np.arange(HOURS), (22, 23, 0, 1, 2, 3))
_LOAD_KWH = 100.0
_PRIOR, _PRIOR_WEIGHT = np.array([0.0, 2.0, 0.5]), 0.1
#: An hour in which more of the load than this was not measured cannot be balanced.
_MOST_UNMEASURED = 0.1
#: Of the loss's square, what a share of the load leaves where the supply meter is wrong; a load of its own leaves 4 % and more.
_IN_PROPORTION = 0.02
#: Of the other phases' current or voltage: less is none.
_LOST_SHARE = {"current": 0.05, "voltage": 0.6}


def day_sums(area: Area, day: AreaCurves, metered_kwh: F64) -> F64:
    """The sums over a day's hours that can be balanced, (SUMS,); `metered_kwh` (24, 3, meters) by phase."""
    energy, export = day.hourly["energy_kwh"], day.hourly["export_kwh"]
    supply = area.supply_rows
    exported = export == export
    net = energy - np.where(exported, export, 0.0)
    supplied = net[:, supply].sum(axis=1) if len(supply) else np.full(HOURS, np.nan)
    by_phase = metered_kwh.sum(axis=2)
    load = by_phase.sum(axis=1)
    unmeasured = np.where(energy == energy, 0.0, np.abs(metered_kwh.sum(axis=1))).sum(axis=1)
    balanced = (supplied == supplied) & (unmeasured < _MOST_UNMEASURED * np.maximum(np.abs(load), 1.0))
    if area.has_generation.any() and not exported.any():
        balanced &= _DARK_HOURS
    loss = supplied - load
    terms = np.stack([np.ones(HOURS), load / _LOAD_KWH, 3 * (by_phase**2).sum(axis=1) / _LOAD_KWH**2, loss])[
        :, balanced
    ]
    products = terms @ terms.T
    rows, columns = (0, 0, 0, 1, 1, 2, 0, 1, 2, 3), (0, 1, 2, 1, 2, 2, 3, 3, 3, 3)
    return np.append(products[rows, columns], supplied[balanced].sum())


def technical(sums: F64) -> F64:
    """What technical loss is made of (always, load, load squared), (3,), by the sums of the days learnt so far."""
    right = sums[LOSS_AT:SQUARE_AT] + _PRIOR_WEIGHT * _PRIOR
    return np.asarray(np.linalg.solve(_squares(sums) + _PRIOR_WEIGHT * np.eye(3), right))


def form_of(sums: F64, coefficients: F64) -> Said:
    """How what is beyond technical loss moves with the load from hour to hour, by the sums of two days."""
    squares = _squares(sums)
    beyond = sums[LOSS_AT:SQUARE_AT] - squares @ coefficients
    total = float(sums[SQUARE_AT] - 2 * coefficients @ sums[LOSS_AT:SQUARE_AT] + coefficients @ squares @ coefficients)
    if not total > 0:
        return NOTHING_SAID
    always, load, copper = 1 - beyond**2 / np.maximum(np.diag(squares), 1e-9) / total
    share = float(beyond[1] / max(float(squares[1, 1]), 1e-9)) / _LOAD_KWH
    if load < _IN_PROPORTION and load < always / 2:
        return in_proportion(share)
    return OF_COPPER if copper < always else LOAD_OF_ITS_OWN


def _squares(sums: F64) -> F64:
    s = sums
    return np.array([[s[0], s[1], s[2]], [s[1], s[3], s[4]], [s[2], s[4], s[5]]])


def lost_phase(area: Area, day: AreaCurves, metered_kwh: F64) -> Said | None:
    """What a phase of the supply meter no longer measures although customers draw from it; None where all three measure."""
    load = metered_kwh.sum(axis=(0, 2))
    for unit in ("current", "voltage"):
        by_phase = np.stack([np.abs(day.hourly[f"{unit}_{p}"][:, area.supply_rows]) for p in PHASES])
        known = by_phase == by_phase
        if not known.any(axis=(1, 2)).all():
            continue
        mean = np.where(known, by_phase, 0.0).sum(axis=(1, 2)) / known.sum(axis=(1, 2))
        lost = (mean < _LOST_SHARE[unit] * np.median(mean)) & (load > 0.1 * load.sum())
        if lost.any():
            return lost_phases(unit, "".join(p for p, gone in zip(PHASES, lost, strict=True) if gone))
    return None
