"""`silence add | list | end` over the live store. Event time is the log's: its last tick says what time it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from metering.times import LocalCalendar
from monitor.explain import moment
from monitor.settings import load_settings
from monitor.stores import open_existing_store
from monitor.wire import relay_bytes
from operations.silence import Silence, add_silence, end_silence, silences
from storage.sql import SqlStore


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


def _line(silence: Silence, calendar: LocalCalendar) -> str:
    scope = f"meter {silence.meter_id}" if silence.meter_id else f"area {silence.transformer_area}"
    kind = silence.abnormality or "every kind"
    return f"{silence.silence_id}  {scope}, {kind}, until {calendar.text(silence.until_s)}, by {silence.by}: {silence.reason}"


def add(meter: str | None, area: str | None, abnormality: str | None, until: str, by: str, reason: str) -> str:
    with _store() as store:
        archive = store.load_archive()
        silence = add_silence(
            store,
            archive,
            meter_id=meter,
            transformer_area=area,
            abnormality=abnormality,
            until_s=moment(until, "--until"),
            by=by,
            reason=reason,
            now_s=log_clock_s(store),
            encode=relay_bytes,
        )
        return _line(silence, archive.calendar)


def in_force() -> Iterator[str]:
    with _store() as store:
        found = silences(store, log_clock_s(store))
        if not found:
            yield "no silence is in force"
            return
        calendar = store.load_archive().calendar
        yield from (_line(silence, calendar) for silence in found)


def end(silence_id: str, by: str, reason: str) -> str:
    with _store() as store:
        ended = end_silence(store, silence_id, by=by, reason=reason, now_s=log_clock_s(store), encode=relay_bytes)
        return f"ended: {_line(ended, store.load_archive().calendar)}"
