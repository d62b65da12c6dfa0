"""What a meter says that differs most between two lives of the same weeks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.gallery.stage import PER_DAY, Lived, Rows, by_day

#: What a column is called in a figure, and the least difference worth a look, in its unit.
COLUMNS: dict[str, tuple[str, float]] = {
    "export_kwh": ("Export, kWh a quarter hour", 0.005),
    "current_a": ("Line current, A", 0.2),
    "current_a_a": ("Current of phase a, A", 0.2),
    "current_b_a": ("Current of phase b, A", 0.2),
    "current_c_a": ("Current of phase c, A", 0.2),
    "neutral_current_a": ("Neutral current, A", 0.2),
    "power_factor": ("Power factor", 0.02),
}
#: Mean change, in spreads of the quantity, below which nothing is to be seen.
LEAST_CHANGE = 0.05
VOLTAGES: dict[str, str] = {
    "voltage_v": "Voltage, V",
    "voltage_a_v": "Voltage of phase a, V",
    "voltage_b_v": "Voltage of phase b, V",
    "voltage_c_v": "Voltage of phase c, V",
}


@dataclass(frozen=True, eq=False)
class Change:
    """One quantity with and without, (intervals,), or (days,) where `by_day`. `amount` ranks changes against each other."""

    title: str
    with_it: Rows
    without: Rows
    amount: float
    by_day: bool = False


def most_changed_voltage(with_it: Lived, without: Lived, row: int, after: slice) -> Change:
    """The voltage of the customer's phase, or of the area's meter, that changed most."""
    return max(_voltages(with_it, without, row, after), key=lambda change: change.amount)


def _voltages(with_it: Lived, without: Lived, row: int, after: slice) -> Iterator[Change]:
    rows = [row + 1] if row >= 0 else range(len(with_it.world.meters))
    for meter in rows:
        for column, title in VOLTAGES.items():
            mine, other = with_it.columns[column][meter], without.columns[column][meter]
            if np.isfinite(other).any():
                whose = "" if row >= 0 else (" at the supply meter" if meter == 0 else " where it moved most")
                yield Change(title.replace(", V", f"{whose}, V"), mine, other, _mean_gap(mine[after], other[after]))


def changed_most(with_it: Lived, without: Lived, meter: int, after: slice) -> tuple[Change, Change]:
    """The two quantities besides energy and voltage that changed most at a meter.

    Where less than two changed, what did not may be what gives it away: a current that flows on, a neutral that carries as much.
    """
    found = [*_columns(with_it, without, meter, after), *_derived(with_it, without, meter, after)]
    phase = most_changed_voltage(with_it, without, meter - 1, after).title.partition("phase ")[2][:1]

    def order(change: Change) -> tuple[float, bool, bool, bool, str]:
        changed = change.amount >= LEAST_CHANGE
        return (
            -change.amount if changed else 0.0,
            change.by_day,
            not change.title.endswith(", A"),
            not (change.title.endswith(f"phase {phase}, A") or change.title == "Line current, A"),
            change.title,
        )

    first, second, *_ = sorted(found, key=order)
    return first, second


def _columns(with_it: Lived, without: Lived, meter: int, after: slice) -> Iterator[Change]:
    for column, (title, least) in COLUMNS.items():
        mine, other = with_it.columns[column][meter], without.columns[column][meter]
        if not np.isfinite(other).any():
            continue
        scale = max(float(np.nanstd(other)), least)
        yield Change(title, mine, other, _mean_gap(mine[after], other[after]) / scale)


def _derived(with_it: Lived, without: Lived, meter: int, after: slice) -> Iterator[Change]:
    """The register against the energies, readings that are missing, and of an area how its transformer is loaded."""
    mine, other = _register_gap(with_it, meter), _register_gap(without, meter)
    kwh_a_day = max(float(np.nansum(without.columns["energy_kwh"][meter])) / (len(other) / PER_DAY), 0.5)
    yield Change(
        "Register less the sum of energies, kWh",
        mine,
        other,
        _mean_gap(mine[after], other[after]) / kwh_a_day,
        True,
    )
    lacking = [
        by_day(np.isnan(_of(lived, meter)).astype(np.float64)).mean(axis=-1) * 100 for lived in (with_it, without)
    ]
    if lacking[0].ndim > 1:
        lacking = [shares.mean(axis=0) for shares in lacking]
    days = slice((after.start or 0) // PER_DAY, None)
    yield Change(
        "Readings missing, % of a day",
        lacking[0],
        lacking[1],
        float(np.abs(lacking[0] - lacking[1])[days].mean()) / 5,
        True,
    )
    if meter == 0:
        yield from _extreme_voltages(with_it, without, after)
        rated_kva = with_it.world.network.transformer.rated_kva
        loaded = [100 * lived.supplied_kva / rated_kva for lived in (with_it, without)]
        yield Change(
            "Transformer's load, % of its rating",
            loaded[0],
            loaded[1],
            _mean_gap(loaded[0][after], loaded[1][after]) / 5,
        )


def _extreme_voltages(with_it: Lived, without: Lived, after: slice) -> Iterator[Change]:
    for title, extreme in (
        ("Lowest voltage among customers, V", np.fmin),
        ("Highest voltage among customers, V", np.fmax),
    ):
        mine, other = (
            extreme.reduce(np.concatenate([lived.columns[c][1:] for c in VOLTAGES])) for lived in (with_it, without)
        )
        yield Change(title, mine, other, _mean_gap(mine[after], other[after]) / 2)


def _of(lived: Lived, meter: int) -> Rows:
    """The energies to look for gaps in: a meter's own, or all of the area's."""
    energy_kwh = lived.columns["energy_kwh"]
    return energy_kwh if meter == 0 else energy_kwh[meter]


def _register_gap(lived: Lived, meter: int) -> Rows:
    register, energy = lived.columns["register_kwh"][meter], lived.columns["energy_kwh"][meter]
    gap = register - register[0] - (np.nancumsum(energy) - np.nan_to_num(energy[0]))
    # below the register's last digit
    return np.asarray(np.round(gap, 3) + 0.0)


def _mean_gap(mine: Rows, other: Rows) -> float:
    gap = np.abs(mine - other)
    return float(np.nanmean(gap)) if np.isfinite(gap).any() else 0.0
