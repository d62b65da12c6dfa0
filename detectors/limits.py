"""Set and recover values per meter: the catalogue's, and what a utility puts in their place by class, voltage level and wiring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.archive import Area, Meter
from metering.catalogue import CATALOGUE, CRITERIA, Abnormality, ClassLimit, check_limit
from metering.errors import CatalogueError, ThresholdError

F64 = NDArray[np.float64]
#: The section of a thresholds file that holds them: [abnormality.<code>].
SECTION = "abnormality"


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Of one abnormality in one area: where it holds and where it is gone, each (meters,) in the catalogue's unit."""

    set: F64
    recover: F64


def with_limits() -> tuple[str, ...]:
    """The codes that have set and recover values."""
    return tuple(code for code, row in CATALOGUE.items() if row.limit is not None)


def check_limits(section: Mapping[str, Any]) -> None:
    """Raises `ThresholdError` on an unknown code, field, class or value, saying what there is."""
    for code, values in section.items():
        _special(_row(code), values)


def limits_of(area: Area, code: str, section: Mapping[str, Any] | None = None) -> Limits:
    """The limits in force at each meter: the last of these that fits it counts.

    The catalogue's value; the catalogue's by class; the file's `set` and `recover`, for every meter; the file's `where`, in its order.

    >>> from detectors.examples import context
    >>> area = context(meters=2, fields={"customer_class": ["residential", "industrial"]}).area
    >>> limits_of(area, "low_power_factor").set.tolist()
    [0.3, 0.8]
    >>> own = {"low_power_factor": {"where": [{"customer_class": "industrial", "set": 0.9, "recover": 0.93}]}}
    >>> limits_of(area, "low_power_factor", own).set.tolist()
    [0.3, 0.9]
    """
    row = _row(code)
    assert row.limit is not None  # noqa: S101 - _row refuses others
    given = (section or {}).get(code, {})
    base, specials = _special(row, given)
    if "set" in given or "recover" in given:
        specials = [base, *specials]
    chosen = [(row.limit.set, row.limit.recover)] * len(area)
    for special in (*row.limit.where, *specials):
        chosen = [
            (special.set, special.recover) if _fits(meter, special) else so_far
            for meter, so_far in zip(area.meters, chosen, strict=True)
        ]
    values = np.array(chosen, dtype=np.float64).reshape(-1, 2)
    return Limits(np.ascontiguousarray(values[:, 0]), np.ascontiguousarray(values[:, 1]))


def _fits(meter: Meter, special: ClassLimit) -> bool:
    return (
        special.customer_class in (None, meter.customer_class)
        and special.voltage_level in (None, meter.known_voltage_level)
        and special.wiring in (None, meter.known_wiring)
    )


def _row(code: str) -> Abnormality:
    row = CATALOGUE.get(code)
    if row is None or row.limit is None:
        raise ThresholdError(
            f"[{SECTION}.{code}]: no abnormality with set and recover values has this code; there are {', '.join(with_limits())}",
            f"{SECTION}.{code}",
        )
    return row


def _special(row: Abnormality, given: Any) -> tuple[ClassLimit, list[ClassLimit]]:
    """(what the section says of every meter, what it says of some)."""
    limit = row.limit
    assert limit is not None  # noqa: S101 - _row refuses others
    base = _limit(_Place(row), given, (limit.set, limit.recover), ("set", "recover", "where"))
    where = given.get("where", [])
    if not isinstance(where, list):
        raise _Place(row).error(f"write where as [[{SECTION}.{row.code}.where]]", "where")
    specials = []
    for number, values in enumerate(where, 1):
        place = _Place(row, number)
        special = _limit(place, values, (base.set, base.recover), ("set", "recover", *CRITERIA))
        if special.customer_class is special.voltage_level is special.wiring is None:
            raise place.error(
                f"name the meters by {', '.join(CRITERIA)}; set and recover of all stand in {_Place(row)}"
            )
        specials.append(special)
    return base, specials


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a thresholds file something stands: a code's section, or the n-th of its `where`."""

    row: Abnormality
    where: int = 0

    @property
    def section(self) -> str:
        return f"{SECTION}.{self.row.code}" + (".where" if self.where else "")

    def __str__(self) -> str:
        return f"[[{self.section}]] no. {self.where}" if self.where else f"[{self.section}]"

    def error(self, text: str, name: str = "") -> ThresholdError:
        return ThresholdError(f"{self}: {text}", self.section, name, max(self.where, 1))


def _limit(place: _Place, values: Any, otherwise: tuple[float, float], fields: tuple[str, ...]) -> ClassLimit:
    if not isinstance(values, Mapping):
        raise place.error(f"is no table of {', '.join(fields)}")
    for name in values:
        if name not in fields:
            raise place.error(f"has no {name!r}; it has {', '.join(fields)}", name)
    words: dict[str, str] = {}
    for name, known in CRITERIA.items():
        if name in values and name in fields:
            if values[name] not in known:
                raise place.error(f"{name} = {values[name]!r} is not known; known are {', '.join(known)}", name)
            words[name] = values[name]
    at_set, recover = values.get("set", otherwise[0]), values.get("recover", otherwise[1])
    try:
        check_limit(place.row, at_set, recover)
    except CatalogueError as error:
        text = str(error).removeprefix(f"{place.row.code}: ")
        raise place.error(text, text.split(" ", 1)[0]) from error
    return ClassLimit(set=float(at_set), recover=float(recover), **words)
