"""What is truly there, case by case, and when it is not: lying low before a visit, or mended until it comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from metering.errors import FeedError
from metering.times import iso
from metering.truth import TruthCase
from simulator.feeds.feed_tables import read_rows, write_rows
from simulator.people.site import SiteReading

INTERRUPTIONS_FILE = "interruptions.csv"
_COLUMNS = ("meter_id", "abnormality", "start", "from", "until", "why")
Why = Literal["lies_low", "rectified"]
WRONG_AREA = "wrong_area"


@dataclass(frozen=True, slots=True)
class KnownCase:
    """One case of the truth. `hidden`: a visit may well overlook it. `seals_broken` is None where nobody says.

    `only_in_archive`: the archive errs and the meter does not. Who looks for that finds it, nobody else does, and nothing at the meter
    mends it.
    """

    truth: TruthCase
    hidden: bool = False
    seals_broken: bool | None = None
    only_in_archive: bool = False


def booked_wrongly(meter_id: str, start_s: int) -> KnownCase:
    """A meter that hangs on another transformer than the archive says."""
    return KnownCase(TruthCase(meter_id, WRONG_AREA, start_s, None), only_in_archive=True)


@dataclass(frozen=True, slots=True)
class Interruption:
    """The case is not there from `from_s` until `until_s` (None: for good)."""

    case: TruthCase
    from_s: int
    until_s: int | None
    why: Why

    def covers(self, at_s: int) -> bool:
        return self.from_s <= at_s and (self.until_s is None or at_s < self.until_s)


class LivedWorld(Protocol):
    """A feed that is lived through: it can still be changed, and one can look at its meters."""

    @property
    def open_from_s(self) -> int:
        """The first moment that is not simulated yet."""
        ...

    def interrupt(self, interruption: Interruption) -> None:
        """End a case, or let it rest; not before `open_from_s`."""
        ...

    def site(self, meter_id: str, at_s: int) -> SiteReading | None:
        """What instruments and the meter show at a recent time."""
        ...


class CaseBook:
    """The cases by meter, each with its interruptions; passes interruptions on to the world that is lived through, if any."""

    def __init__(self, cases: Iterable[KnownCase], lived: LivedWorld | None) -> None:
        self.lived = lived
        self.interruptions: list[Interruption] = []
        self._of_meter: dict[str, list[KnownCase]] = {}
        self._of_case: dict[TruthCase, list[Interruption]] = {}
        for case in cases:
            self._of_meter.setdefault(case.truth.meter_id, []).append(case)

    def present(self, meter_id: str, at_s: int) -> KnownCase | None:
        """The case that is there at `at_s`; the first of the truth where there are several."""
        there = (c for c in self._begun(meter_id, at_s) if not c.only_in_archive)
        return next((c for c in there if self.interruption(c.truth, at_s) is None), None)

    def in_archive(self, meter_id: str, at_s: int, claim: str | None) -> KnownCase | None:
        """The error of the archive that a visit finds which was sent for it."""
        begun = self._begun(meter_id, at_s)
        return next((c for c in begun if c.only_in_archive and c.truth.abnormality == claim), None)

    def lying_low(self, meter_id: str, at_s: int) -> KnownCase | None:
        """The case that is not there at `at_s` only because somebody was warned."""
        for case in self._begun(meter_id, at_s):
            interruption = self.interruption(case.truth, at_s)
            if interruption is not None and interruption.why == "lies_low":
                return case
        return None

    def interruption(self, case: TruthCase, at_s: int) -> Interruption | None:
        return next((i for i in self._of_case.get(case, ()) if i.covers(at_s)), None)

    def interrupt(self, interruption: Interruption) -> None:
        self.interruptions.append(interruption)
        self._of_case.setdefault(interruption.case, []).append(interruption)
        if self.lived is not None:
            self.lived.interrupt(interruption)

    def _begun(self, meter_id: str, at_s: int) -> Iterator[KnownCase]:
        for case in self._of_meter.get(meter_id, ()):
            if case.truth.start_s <= at_s and (case.truth.end_s is None or at_s < case.truth.end_s):
                yield case


def write_interruptions(path: Path, interruptions: Iterable[Interruption], until_s: int) -> None:
    """What a run changed of the cases of the feed it lived through by `until_s`, so that it can be lived through again in the same
    way. What comes later has not happened, as in `visits.csv`."""
    rows = (
        (
            i.case.meter_id,
            i.case.abnormality,
            iso(i.case.start_s),
            iso(i.from_s),
            None if i.until_s is None or i.until_s > until_s else iso(i.until_s),
            i.why,
        )
        for i in interruptions
        if i.from_s <= until_s
    )
    write_rows(path, _COLUMNS, rows)


def read_interruptions(path: Path) -> Iterator[Interruption]:
    """As `write_interruptions` wrote them; the end of a case itself is not among them. Raises `FeedError`."""
    for row in read_rows(path, _COLUMNS, ()):
        why = row.text("why")
        if why not in ("lies_low", "rectified"):
            raise FeedError(f"{path}, line {row.line}, column why: {why!r} is neither lies_low nor rectified")
        case = TruthCase(row.text("meter_id"), row.text("abnormality"), row.time("start"), None)
        until_s = row.optional_time("until")
        yield Interruption(case, row.time("from"), until_s, "lies_low" if why == "lies_low" else "rectified")
