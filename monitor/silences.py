"""`silence add | change | end | list | history` over the live store. Event time is the log's: its last tick says what time it is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from metering.inspection import AuditEntry
from metering.silence import Silence, SilenceKind
from metering.times import LocalCalendar
from monitor.explain import moment
from monitor.settings import load_settings
from monitor.stores import open_existing_store
from monitor.wire import relay_bytes
from operations.silence import (
    KIND,
    KIND_CHANGE,
    KIND_END,
    Scope,
    SilenceLife,
    add_silence,
    change_silence,
    end_silence,
    silence_history,
)
from storage.sql import SqlStore

_DID: Mapping[str, str] = {KIND: "made", KIND_CHANGE: "changed", KIND_END: "ended early"}


@contextmanager
def _store() -> Iterator[SqlStore]:
    store = open_existing_store(load_settings())
    try:
        yield store
    finally:
        store.close()


def log_clock_s(store: SqlStore) -> int:
    """The log's clock; wall clock before the first tick."""
    return max((m.clock_s for m in store.marks("judge")), default=0) or int(time.time())


def add(
    scope: Scope,
    *,
    start: str | None,
    until: str,
    by: str,
    reason: str,
    kind: SilenceKind = "silence",
    even_hazards: bool = False,
) -> str:
    with _store() as store:
        archive = store.load_archive()
        silence = add_silence(
            store,
            archive,
            scope,
            start_s=None if start is None else moment(start, "--from"),
            until_s=moment(until, "--until"),
            by=by,
            reason=reason,
            kind=kind,
            even_hazards=even_hazards,
            now_s=log_clock_s(store),
            encode=relay_bytes,
        )
        return _line(silence, archive.calendar)


def change(silence_id: str, *, until: str | None, even_hazards: bool | None, by: str, reason: str) -> str:
    with _store() as store:
        archive = store.load_archive()
        changed = change_silence(
            store,
            archive,
            silence_id,
            until_s=None if until is None else moment(until, "--until"),
            even_hazards=even_hazards,
            by=by,
            reason=reason,
            now_s=log_clock_s(store),
            encode=relay_bytes,
        )
        return f"changed: {_line(changed, archive.calendar)}"


def end(silence_id: str, by: str, reason: str) -> str:
    with _store() as store:
        ended = end_silence(store, silence_id, by=by, reason=reason, now_s=log_clock_s(store), encode=relay_bytes)
        return f"ended: {_line(ended, store.load_archive().calendar)}"


def in_force() -> Iterator[str]:
    """Those in force, then those that begin later."""
    with _store() as store:
        now_s, lives = log_clock_s(store), silence_history(store)
        calendar = store.load_archive().calendar
        standing = [life.silence for life in lives if life.in_force(now_s)]
        if not standing:
            yield "no silence is in force"
        for silence in standing:
            yield _line(silence, calendar) + (", ends soon" if now_s >= silence.notice_from_s else "")
        yield from (f"{_line(life.silence, calendar)}, not begun" for life in lives if life.lies_ahead(now_s))


def history(silence_id: str | None) -> Iterator[str]:
    """Every silence there ever was, or one, with everything that was done with it and how many alerts it held back."""
    with _store() as store:
        now_s, lives = log_clock_s(store), silence_history(store)
        calendar, held = store.load_archive().calendar, store.alerts_stopped("silence")
        chosen = [life for life in lives if silence_id in (None, life.silence.silence_id)]
        if not chosen:
            yield "nothing was ever silenced" if silence_id is None else f"there never was a silence {silence_id!r}"
        for life in chosen:
            count = held.get(life.silence.silence_id, 0)
            yield f"{_line(life.silence, calendar)}; {_standing(life, now_s)}; held {count} alert{'' if count == 1 else 's'} back"
            yield from (_act(entry, calendar) for entry in life.acts)


def _standing(life: SilenceLife, now_s: int) -> str:
    if life.ended is not None:
        return "ended early"
    if life.lies_ahead(now_s):
        return "not begun"
    return "in force" if life.in_force(now_s) else "over"


def _act(entry: AuditEntry, calendar: LocalCalendar) -> str:
    return f"    {calendar.text(entry.at_s)}  {_DID[entry.move]} by {entry.actor}: {entry.reason}"


def _line(silence: Silence, calendar: LocalCalendar) -> str:
    places = (
        ("meter", silence.meter_id),
        ("customer", silence.customer_id),
        ("area", silence.transformer_area),
        ("feeder", silence.feeder),
    )
    where = " and ".join(f"{word} {name}" for word, name in places if name) or "everywhere"
    what = silence.abnormality or (f"family {silence.family}" if silence.family else "every kind")
    hazards = ", even hazards" if silence.even_hazards else ""
    begins = f"from {calendar.text(silence.start_s)} " if silence.start_s else ""
    kind = "" if silence.kind == "silence" else f"{silence.kind}: "
    return (
        f"{silence.silence_id}  {kind}{where}, {what}{hazards}, {begins}until {calendar.text(silence.until_s)}, "
        f"by {silence.by}: {silence.reason}"
    )
