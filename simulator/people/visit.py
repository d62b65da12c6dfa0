"""One visit with what came of it, and `visits.csv`, the answer sheet of a run's inspections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from metering.times import iso
from simulator.feeds.feed_tables import write_rows
from simulator.people.cases import KnownCase
from simulator.people.site import SiteReading

VISITS_FILE = "visits.csv"
VISIT_COLUMNS = (
    "task_id",
    "meter_id",
    "visited_at",
    "found_at",
    "true_case",
    "confirmed",
    "abnormality",
    "hidden",
    "stopped_before",
    "line_current_a",
    "meter_current_a",
    "error_percent",
    "rectification_ordered",
    "rectified_at",
    "relapsed_at",
    "appealed_at",
    "appeal_upheld",
)


@dataclass(slots=True)
class SiteVisit:
    """A visit. `case` is what is truly there, also where its owner lies low (`stopped_before`); `abnormality` is the crew's word.

    Times are epoch seconds and may lie beyond a run's end: then they have not happened. `rectified_at_s` is when the case
    truly ends: None where nothing was there, where the order failed, and where readings do not answer to it.
    """

    task_id: str
    meter_id: str
    transformer_area: str
    visited_at_s: int
    found_at_s: int
    case: KnownCase | None = None
    stopped_before: bool = False
    confirmed: bool = False
    abnormality: str | None = None
    reading: SiteReading | None = None
    rectification_ordered: bool = False
    rectified_at_s: int | None = None
    relapsed_at_s: int | None = None
    appealed_at_s: int | None = None
    appeal_decided_at_s: int | None = None

    @property
    def in_vain(self) -> bool:
        """Confirmed, and nothing was there."""
        return self.confirmed and (self.case is None or self.stopped_before)

    @property
    def note(self) -> str:
        """The finding's note: task, instruments, seals."""
        said = [f"visit of task {self.task_id}"]
        if self.reading is not None and self.reading.sentence:
            said.append(self.reading.sentence)
        seals_broken = None if self.case is None else self.case.seals_broken
        if self.confirmed and seals_broken is not None:
            said.append("seals broken" if seals_broken else "seals intact")
        return "; ".join(said)

    def row(self, until_s: int) -> tuple[object, ...]:
        """The line of `visits.csv` as far as things have gone by `until_s`."""

        def happened(at_s: int | None) -> str | None:
            return None if at_s is None or at_s > until_s else iso(at_s)

        reading = self.reading or SiteReading()
        mended = happened(self.rectified_at_s)
        decided = happened(self.appeal_decided_at_s) is not None
        return (
            self.task_id,
            self.meter_id,
            iso(self.visited_at_s),
            happened(self.found_at_s),
            None if self.case is None else self.case.truth.abnormality,
            self.confirmed,
            self.abnormality,
            self.case is not None and self.case.hidden,
            self.stopped_before,
            reading.line_current_a,
            reading.meter_current_a,
            reading.error_percent,
            self.rectification_ordered and (self.found_at_s <= until_s or mended is not None),
            mended,
            happened(self.relapsed_at_s),
            happened(self.appealed_at_s),
            self.in_vain if decided else None,
        )


def write_visits(path: Path, visits: Iterable[SiteVisit], until_s: int) -> None:
    """The visits made by `until_s`, by time, then task."""
    made = (v for v in visits if v.visited_at_s <= until_s)
    write_rows(path, VISIT_COLUMNS, (v.row(until_s) for v in sorted(made, key=lambda v: (v.visited_at_s, v.task_id))))
