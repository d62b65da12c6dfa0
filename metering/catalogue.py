"""The catalogue of abnormalities: one word each for events, findings, truth and alerts, with thresholds, durations and codes.

It is data: `metering/abnormalities/*.toml`, one file a family, read and checked once, when it is first asked for. Condensed from
the industry's catalogue (DL/T 698.45, Q/GDW 376.1 and master-station practice); `docs/abnormalities.md` is generated of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from metering.announcement import Urgency
from metering.archive import CustomerClass, VoltageLevel, Wiring
from metering.errors import CatalogueError
from metering.ranges import number_fault
from metering.readings import READING_COLUMNS

#: Of the files' form. A file of another one is refused.
SCHEMA = 1
_FOLDER = Path(__file__).parent / "abnormalities"

Family = Literal[
    "energy",
    "electrical",
    "theft",
    "load",
    "clock",
    "wiring",
    "communication",
    "line_loss",
    "archive",
    "data_quality",
    "novelty",
]
Lane = Literal["hazard", "suspicion", "area", "information"]
Level = Literal["interval", "hour", "day", "event"]
OwnEvent = Literal["alert", "evidence", "note"]
Severity = Literal["danger", "high", "medium", "low", "information"]

#: Families whose alerts neither open tasks nor count as false cases.
INFORMATION_FAMILIES: frozenset[Family] = frozenset({"communication", "data_quality"})
FAMILIES: tuple[Family, ...] = get_args(Family)

#: What keeps an abnormality from being said, or evidence from counting.
SUPPRESSIONS: Mapping[str, str] = {
    "outage": "an outage of the area, recorded or seen as it happens: nothing is judged in it",
    "planned_work": "an outage that the records call planned",
    "total_voltage_loss": "all phases gone at once are one thing, not three",
    "dead_phase": "a phase that never was alive: three-wire meters have no phase B",
    "unloaded": "without load nothing can be told",
    "area_shares_it": "many meters of the area at once: the network's trouble, nobody's tampering",
    "work_order": "what a person was allowed to open or change",
    "spurious_event": "an event that is repeated, malformed, before installation, after removal or in the future",
    "sibling_meters": "several meters of one customer whose total is normal",
    "declared_generation": "generation that the archive declares, or may hide while it does not say, in daylight",
    "small_energy": "too little energy to tell",
    "neutral_lost": "the area's neutral is lost: what its voltages do is its consequence, and the area has the alert",
    "phase_lost": "the meter lacks a phase's voltage or current: what flowed is not what it measured",
    "vacancy": "an empty home is the likelier reason",
}
#: What a row may need besides the columns of a reading.
_OTHER_INPUTS = frozenset(
    {
        "events", "works", "outages", "supply", "role", "segment", "phases", "customer_class", "tariff_category",
        "contracted_kw", "rated_current_a", "rated_kva", "ct_ratio", "has_generation", "downstream_prices", "tariffs", "valid_from", "valid_to",
    }
)  # fmt: skip

#: What tells meters apart where a threshold differs.
CRITERIA: Mapping[str, tuple[str, ...]] = {
    "customer_class": get_args(CustomerClass),
    "voltage_level": get_args(VoltageLevel),
    "wiring": get_args(Wiring),
}

_STRICT = ConfigDict(extra="forbid")
_HIGH, _MEDIUM = 0.8, 0.5


@dataclass(frozen=True, slots=True, config=_STRICT)
class ClassLimit:
    """Other set and recover values for the meters that match all of what is named."""

    set: float
    recover: float
    customer_class: str | None = None
    voltage_level: str | None = None
    wiring: str | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class Limit:
    """From where on a condition holds, and where it is gone.

    `set_range` and `recover_range` are what a utility may choose, in `unit`. `quantity` is the measured thing that the generic
    rule compares (`detectors/interval/quantities.py`); where it is empty, a detector of its own does.
    """

    set: float
    recover: float
    unit: str
    set_range: tuple[float, float]
    recover_range: tuple[float, float]
    quantity: str = ""
    low_is_abnormal: bool = False
    where: tuple[ClassLimit, ...] = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class Abnormality:
    """One row of the catalogue. Rows of others' lists that are not judged stand here too and say why.

    `weight` (0..1) is how much one certain piece of evidence of this kind says about a case worth visiting. `certain`: by
    itself enough for an alert (an open cover needs no second witness). `set_after_minutes` and `clear_after_minutes` are event
    time during which the condition must hold, or be gone. `announced`: becomes an alert although it is information only.
    """

    code: str
    catalogue_id: str
    name_en: str
    name_zh: str
    family: Family
    lane: Lane
    level: Level
    weight: float
    set_after_minutes: int
    clear_after_minutes: int
    signal: str
    inputs: tuple[str, ...]
    trust: Literal["V", "K", "P"]
    """V read in a source, K common knowledge, P proposed."""
    certain: bool = False
    relapse_within_days: int = 90
    """When it comes again so soon after it was over, it is the same alert's next episode."""
    own_event: OwnEvent | None = None
    announced: bool = False
    """What a meter's or terminal's own event of this kind does: raises an alert, weighs in the day, or is only noted."""
    needs: str = ""
    """What no feed carries; without it the row is not judged from readings."""
    covered_by: str = ""
    """The code under which the same thing is said."""
    judged_by: str = ""
    """A part of the product that is no detector: it refuses or reports the thing."""
    limit: Limit | None = None
    suppressed_by: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    """Codes of others that say the same, as ``dlms:44``, ``698:301B``, ``erc:9``, ``is15959:251``."""
    ends: tuple[str, ...] = ()
    """Codes of others that say it is over."""
    check_on_site_en: str = ""
    check_on_site_zh: str = ""
    source: str = ""
    pages: bool = False
    """Somebody is told of it at once, day and night, although it is no hazard."""
    where_from: str = field(default="", repr=False, compare=False)

    @property
    def severity(self) -> Severity:
        """Danger for hazards; else by weight."""
        if self.lane == "hazard":
            return "danger"
        if self.lane == "information":
            return "information"
        return "high" if self.weight >= _HIGH else "medium" if self.weight >= _MEDIUM else "low"

    @property
    def urgency(self) -> Urgency:
        """Hazards and what says `pages` wake people; suspicions wait for the morning; information is only shown."""
        if self.lane == "hazard" or self.pages:
            return "page"
        return "none" if self.lane == "information" or self.family in INFORMATION_FAMILIES else "morning"

    @property
    def is_evidence(self) -> bool:
        """Whether readings or a meter's own event can ever say it here."""
        return self.own_event == "alert" or not (self.needs or self.covered_by or self.judged_by)


def read_catalogue(folder: Path = _FOLDER) -> Mapping[str, Abnormality]:
    """The rows by code, families in their order. Raises `CatalogueError` naming file, row and what is wrong."""
    rows: dict[str, Abnormality] = {}
    for family in FAMILIES:
        for row in _rows_of(folder / f"{family}.toml", family):
            if row.code in rows:
                raise CatalogueError(f"{row.where_from}: the code stands in another family too")
            rows[row.code] = row
    for row in rows.values():
        if row.covered_by and row.covered_by not in rows:
            raise CatalogueError(f"{row.where_from}: covered_by = {row.covered_by!r} is no code")
    return MappingProxyType(rows)


_ROW = TypeAdapter(Abnormality)


def _rows_of(path: Path, family: Family) -> Iterator[Abnormality]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"{path.name}: {error}") from error
    if content.get("schema") != SCHEMA or content.get("family") != family:
        raise CatalogueError(f"{path.name}: begin with schema = {SCHEMA} and family = {family!r}")
    for code, values in content.get("row", {}).items():
        yield _row(path.name, family, code, dict(values))


def _row(file: str, family: Family, code: str, values: dict[str, Any]) -> Abnormality:
    where = f"{file} [row.{code}]"
    given = {"catalogue_id": values.pop("id", ""), **values, "code": code, "family": family, "where_from": where}
    try:
        row = _ROW.validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise CatalogueError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    _check(row)
    return row


def _check(row: Abnormality) -> None:
    if not row.code.isidentifier() or row.code != row.code.lower():
        raise CatalogueError(f"{row.where_from}: a code is snake_case")
    for name, words, known in (
        ("inputs", row.inputs, _OTHER_INPUTS | set(READING_COLUMNS)),
        ("suppressed_by", row.suppressed_by, set(SUPPRESSIONS)),
    ):
        strange = sorted(set(words) - known)
        if strange:
            raise CatalogueError(f"{row.where_from}: {name} {', '.join(strange)}: known are {', '.join(sorted(known))}")
    if not 0 <= row.weight <= 1 or min(row.set_after_minutes, row.clear_after_minutes, row.relapse_within_days) < 0:
        raise CatalogueError(f"{row.where_from}: weight lies in 0..1, minutes and days are not negative")
    if (row.level == "event" or row.events) and row.own_event is None:
        raise CatalogueError(f"{row.where_from}: own_event says what an event of this kind does")
    if row.limit is not None:
        check_limit(row, row.limit.set, row.limit.recover)
        for special in row.limit.where:
            check_limit(row, special.set, special.recover)
            for name, allowed in CRITERIA.items():
                if getattr(special, name) not in (None, *allowed):
                    raise CatalogueError(f"{row.where_from}: where {name}: known are {', '.join(allowed)}")


def check_limit(row: Abnormality, at_set: float, recover: float) -> None:
    """Raises `CatalogueError` where set or recover leave the row's ranges, or stand on each other's wrong side."""
    limit = row.limit
    if limit is None:
        raise CatalogueError(f"{row.code} has no set and recover values")
    for name, value, (low, high) in (("set", at_set, limit.set_range), ("recover", recover, limit.recover_range)):
        if (fault := number_fault(name, value, low, high, limit.unit)) is not None:
            raise CatalogueError(f"{row.code}: {fault} ({row.signal})")
    if recover < at_set if limit.low_is_abnormal else recover > at_set:
        side = "at or above" if limit.low_is_abnormal else "at or below"
        raise CatalogueError(f"{row.code}: recover = {recover:g} must be {side} set = {at_set:g}")


CATALOGUE: Mapping[str, Abnormality] = read_catalogue()


def abnormality(code: str) -> Abnormality:
    """The catalogue's row of `code`; KeyError says which codes there are."""
    try:
        return CATALOGUE[code]
    except KeyError:
        raise KeyError(f"{code!r} is not in the catalogue; its codes are {', '.join(CATALOGUE)}") from None
