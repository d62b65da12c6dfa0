"""What `replay --inspect` runs on: a department, and the feed it works in, lived through where it can be, else read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metering.errors import FeedError, SettingsError
from metering.truth import TruthCase
from monitor.answer_sheet import CASES, read_answers, truth_file
from simulator.feeds.feed import Feed
from simulator.feeds.feed_tables import read_truth
from simulator.feeds.living import LivingFeed
from simulator.feeds.publication import FeedSource
from simulator.people.cases import KnownCase, booked_wrongly, read_interruptions
from simulator.people.department import InspectionDepartment
from simulator.people.practice import PRACTICES, PracticeName
from simulator.recipe import RECIPE_FILE, Recipe
from simulator.world.bookings import ARCHIVE_ERROR


@dataclass(frozen=True, slots=True)
class Inspection:
    """The simulated inspections of a run: how many visits a calendar day, how late findings arrive, and how people work.

    `practice` None: `human` where the feed's own cases.csv says what is hidden, else (a plain truth, or `truth` given)
    `perfect`. `static`: the feed is read even where it could be lived through.
    """

    per_day: float
    finding_delay_s: int
    truth: Path | None = None
    practice: PracticeName | None = None
    static: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class InspectedFeed:
    """A feed with the department that works in it. `why_read` says why it is not lived through; None where it is."""

    source: FeedSource
    department: InspectionDepartment
    practice: PracticeName
    why_read: str | None

    @property
    def is_lived(self) -> bool:
        return self.why_read is None

    @property
    def told(self) -> dict[str, Any]:
        """For the report's settings."""
        told = {"inspector": self.practice, "inspected_feed": "lived" if self.is_lived else "read"}
        return told if self.why_read is None else told | {"inspected_feed_is_read_because": self.why_read}


def inspected_feed(inspection: Inspection, feed: Feed) -> InspectedFeed:
    """The feed, lived through if it is the simulator's own, its truth the one given and its readings as they were written."""
    truth = feed.truth() if inspection.truth is None else list(read_truth(truth_file(inspection.truth)))
    if not truth and not feed.has_truth and inspection.truth is None:
        raise SettingsError(f"--inspect needs the truth: {feed.folder} has no truth.csv; give --truth FILE")
    living, why_read = _living(inspection, feed, truth)
    own_answers = inspection.truth is None and (feed.folder / CASES).is_file()
    practice: PracticeName = inspection.practice or ("human" if own_answers else "perfect")
    department = InspectionDepartment(
        feed.archive,
        _known_cases(feed, truth) if living is None else living.known_cases(),
        per_day=inspection.per_day,
        finding_delay_s=inspection.finding_delay_s,
        practice=PRACTICES[practice],
        lived=living,
    )
    return InspectedFeed(feed if living is None else living, department, practice, why_read)


def relive(feed: Feed, interruptions: Path) -> LivingFeed:
    """The feed as a run lived it through, with what the run changed of its cases."""
    living = LivingFeed(feed)
    for interruption in read_interruptions(interruptions):
        living.interrupt(interruption)
    return living


def _living(inspection: Inspection, feed: Feed, truth: Sequence[TruthCase]) -> tuple[LivingFeed | None, str | None]:
    """The feed to live through, or why it is read."""
    if inspection.static:
        return None, "asked for by --static"
    if Recipe.read(feed.folder) is None:
        return None, f"no {RECIPE_FILE} of this version of the simulator"
    try:
        living = LivingFeed(feed)
    except FeedError as error:
        return None, str(error)
    if set(truth) != set(living.truth):
        return None, "the truth is not that of its recipe"
    living.watch_sites()
    unlike = living.unlike_its_folder()
    return (living, None) if unlike is None else (None, unlike)


def _known_cases(feed: Feed, truth: Sequence[TruthCase]) -> list[KnownCase]:
    """The truth in its order; what is hidden by cases.csv beside the feed's own truth, and who is booked wrongly by its life.csv,
    where there are such."""
    answers = read_answers(feed.folder) if feed.has_truth else None
    facts = {c: None if answers is None else answers.facts_of(c) for c in truth}
    known = [KnownCase(c, hidden=bool(f is not None and f.hidden)) for c, f in facts.items()]
    life = () if answers is None else answers.life or ()
    return known + [booked_wrongly(event.meter_id, event.start_s) for event in life if event.kind == ARCHIVE_ERROR]
