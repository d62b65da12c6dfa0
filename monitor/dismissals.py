"""`alerts not-a-problem | problem-after-all | dismissed`: what people say from the office, what it changed, and taking it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metering.archive import Archive
from metering.dismissal import BENIGN_REASONS
from monitor.silences import log_clock_s
from monitor.state import settings_of
from monitor.stores import open_existing_store
from monitor.wire import relay_bytes
from operations.dismissal_effects import DismissalEffect, dismissal_effects
from operations.not_a_problem import DismissalLife, dismissals, not_a_problem, take_back
from storage.sql import SqlStore


@contextmanager
def _store(run: Path | None) -> Iterator[SqlStore]:
    store = open_existing_store(settings_of(run))
    try:
        yield store
    finally:
        store.close()


def say(alert_id: str, because: str, by: str, note: str, run: Path | None = None) -> Iterator[str]:
    """Say it, and what it will change."""
    with _store(run) as store:
        said = not_a_problem(
            store, alert_id, because=because, by=by, note=note, now_s=log_clock_s(store), encode=relay_bytes
        )
        yield from _lines(store, [DismissalLife(said)])
        if run is not None:
            yield "    the run is over: its alerts and tasks stay as they were"


def undo(alert_id: str, by: str, reason: str, run: Path | None = None) -> str:
    with _store(run) as store:
        said = take_back(store, alert_id, by=by, reason=reason, now_s=log_clock_s(store), encode=relay_bytes)
        what = f"{said.alert_id}  what {said.by} said is taken back"
        if run is not None:
            return f"{what}; the run is over: its alerts and tasks stay as they were"
        return (
            f"{what}: the alert stands again while its condition lasts, and the next day that closes learns without it"
        )


def dismissed(run: Path | None, limit: int) -> Iterator[str]:
    """The newest words, each with what it changed."""
    with _store(run) as store:
        lives = list(dismissals(store))[-limit:]
        if not lives:
            yield "nobody has said of an alert that it is no problem"
        yield from _lines(store, lives)


def reasons() -> str:
    return "; ".join(f"{code}: {reason.name_en}" for code, reason in BENIGN_REASONS.items())


def _lines(store: SqlStore, lives: list[DismissalLife]) -> Iterator[str]:
    archive = store.load_archive()
    for effect in dismissal_effects(store, archive, lives):
        yield _line(effect, archive)
        yield f"    {effect_line(effect)}"


def _line(effect: DismissalEffect, archive: Archive) -> str:
    said = effect.dismissal
    place = said.meter_id or f"area {said.transformer_area}"
    note = f": {said.note}" if said.note else ""
    return (
        f"{said.alert_id}  {archive.calendar.text(said.said_at_s)}  {place}  {said.abnormality}  not a problem, "
        f"{said.because} ({said.why.name_en}), by {said.by}{note}"
    )


def effect_line(effect: DismissalEffect) -> str:
    """What a word changed, in words; where it waits, what it will change as the day closes."""
    match effect.kind:
        case "taught" | "expected":
            ahead = "will teach as the day closes" if effect.waiting else "taught, as a weak finding"
            moved = ", ".join(f"{name} {by:+.4f}" for name, by in effect.moved) or "next to nothing"
            own = (
                ""
                if effect.before is None or effect.after is None
                else f"; the meter itself {effect.before:.3f} to {effect.after:.3f}"
            )
            return f"{ahead}: {moved}{own}; {effect.others} other meters by {effect.most:.4f} at most"
        case "no_lesson":
            return "teaches nothing: by its reason the evidence was right, and its cause was no customer's"
        case "of_area":
            return "about the whole area: its alert is withdrawn; the ranking of meters learns nothing"
        case "outranked":
            return "teaches nothing: an inspection found something at the meter"
        case "undone" if effect.undo is not None:
            return f"teaches nothing: taken back by {effect.undo.actor}: {effect.undo.reason}"
        case _:
            return "lowers the meter's own odds; the ranking learns nothing, for nobody thought of a case there the day before"
