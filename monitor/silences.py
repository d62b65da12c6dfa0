"""`silence add | list | end` over the live store. Event time is the log's: its last tick says what time it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from metering.times import iso
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


def _line(silence: Silence) -> str:
    scope = f"meter {silence.meter_id}" if silence.meter_id else f"area {silence.transformer_area}"
    kind = silence.abnormality or "every kind"
    return f"{silence.silence_id}  {scope}, {kind}, until {iso(silence.until_s)}, by {silence.by}: {silence.reason}"


def add(meter: str | None, area: str | None, abnormality: str | None, until: str, by: str, reason: str) -> str:
    with _store() as store:
        silence = add_silence(
            store,
            store.load_archive(),
            meter_id=meter,
            transformer_area=area,
            abnormality=abnormality,
            until_s=moment(until, "--until"),
            by=by,
            reason=reason,
            now_s=log_clock_s(store),
            encode=relay_bytes,
        )
        return _line(silence)


def in_force() -> Iterator[str]:
    with _store() as store:
        found = silences(store, log_clock_s(store))
        yield from map(_line, found)
        if not found:
            yield "no silence is in force"


def end(silence_id: str, by: str, reason: str) -> str:
    with _store() as store:
        ended = end_silence(store, silence_id, by=by, reason=reason, now_s=log_clock_s(store), encode=relay_bytes)
        return f"ended: {_line(ended)}"
