"""The one thread that writes to InfluxDB: a bounded queue before it, our own retries in it, acknowledgements out of it."""

from __future__ import annotations

import logging
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from influxdb_client.client.write_api import WriteApi
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from metering.errors import StoreError, StoreUnavailable

log = logging.getLogger(__name__)

#: Answers that mean "not now": too many requests, time-outs, and every 5xx (a full cache is a 500).
_RETRY_STATUS = frozenset({408, 429})
_TOO_LARGE = 413
_MALFORMED = 400
_PARTLY_REFUSED = 422
_DROPPED = re.compile(r"dropped=(\d+)")
#: Lines named in the log for one refused body.
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between tries: doubling from `first_s` to `most_s`, each shortened by up to half at random."""

    first_s: float = 0.1
    most_s: float = 5.0

    def wait_s(self, tries: int, draw: random.Random) -> float:
        longest = min(self.most_s, self.first_s * 2.0 ** min(tries, 30))
        return longest * (1 - draw.random() / 2)


@dataclass(slots=True)
class _Body:
    lines: list[str]
    done: Future[int]
    give_up_at: float


class InfluxWriter:
    """Writes bodies of lines one after the other. `write` returns when InfluxDB has acknowledged all of its lines.

    `patience_s` is how long a body is tried before its caller gets `StoreUnavailable`; None tries without limit. Either
    way the caller's wait is the back-pressure: at most `waiting_bodies` bodies wait in memory.
    """

    def __init__(
        self,
        api: WriteApi,
        *,
        bucket: str,
        org: str,
        lines_per_body: int,
        waiting_bodies: int,
        patience_s: float | None,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._bucket = bucket
        self._org = org
        self._lines_per_body = lines_per_body
        self._patience_s = patience_s
        self._backoff = backoff
        self._clock = clock
        self._draw = random.Random(0)
        self._queue: queue.Queue[_Body | None] = queue.Queue(waiting_bodies)
        self._closing = threading.Event()
        self._close_lock = threading.Lock()
        self._reachable = True
        self._close_by = float("inf")
        self._thread = threading.Thread(target=self._run, name="influx-writer", daemon=True)
        self._thread.start()

    @property
    def waiting_bodies(self) -> int:
        """How many bodies wait in memory just now."""
        return self._queue.qsize()

    def write(self, lines: Sequence[str]) -> int:
        """Write all lines; returns how many the server refused for good. Raises `StoreUnavailable` or `StoreError`.

        After an error some lines may have been stored: writing them again changes nothing.
        """
        waiting = [
            self._submit(lines[i : i + self._lines_per_body]) for i in range(0, len(lines), self._lines_per_body)
        ]
        refused = 0
        failure: BaseException | None = None
        for done in waiting:
            error = done.exception()
            if error is None:
                refused += done.result()
            else:
                failure = failure or error
        if failure is not None:
            raise failure
        return refused

    def _submit(self, lines: Sequence[str]) -> Future[int]:
        patience = float("inf") if self._patience_s is None else self._patience_s
        body = _Body(list(lines), Future(), self._clock() + patience)
        while True:
            if self._closing.is_set():
                raise StoreUnavailable("the InfluxDB writer is closing: nothing more is taken")
            try:
                self._queue.put(body, timeout=0.2)
                break
            except queue.Full:
                continue
        if not self._thread.is_alive():
            self._fail_leftovers()
        return body.done

    def close(self, drain_s: float) -> None:
        """Write what waits, for at most `drain_s` seconds; what remains gets `StoreUnavailable`. May be called twice."""
        with self._close_lock:
            first = not self._closing.is_set()
            self._close_by = self._clock() + drain_s
            self._closing.set()
        if first:
            self._queue.put(None)
        self._thread.join()
        self._fail_leftovers()

    def _fail_leftovers(self) -> None:
        """A body that slipped in behind the end of the queue: its caller must not wait for ever."""
        while True:
            try:
                body = self._queue.get_nowait()
            except queue.Empty:
                return
            if body is not None:
                body.done.set_exception(StoreUnavailable("the InfluxDB writer has closed: write it again"))

    # --- the writer's thread
    def _run(self) -> None:
        while (body := self._queue.get()) is not None:
            self._finish(body)

    def _finish(self, body: _Body) -> None:
        try:
            body.done.set_result(self._write_body(body))
        except (StoreUnavailable, StoreError) as error:
            body.done.set_exception(error)
        except Exception as error:
            log.exception("writing to InfluxDB failed unexpectedly")
            body.done.set_exception(StoreError(f"writing to InfluxDB failed unexpectedly: {error!r}"))

    def _write_body(self, body: _Body) -> int:
        """Write a body and return its refused lines; a malformed or oversized one is halved until its fault is alone."""
        parts = [body.lines]
        refused = 0
        while parts:
            part = parts.pop()
            status, message = self._write_until_answered(part, body)
            if status in (_MALFORMED, _TOO_LARGE) and len(part) > 1:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            elif status in (_MALFORMED, _TOO_LARGE):
                refused += 1
                log.warning("InfluxDB refuses a line (%d): %s: %s", status, message, part[0][:_SHOWN_CHARACTERS])
            elif status == _PARTLY_REFUSED:
                dropped = _DROPPED.search(message)
                count = int(dropped.group(1)) if dropped else len(part)
                refused += count
                log.warning("InfluxDB refuses %d of %d lines for good: %s", count, len(part), message)
        return refused

    def _write_until_answered(self, lines: list[str], body: _Body) -> tuple[int, str]:
        """The server's last word on these lines: (status, message); 204 where it took them."""
        payload = "\n".join(lines).encode()
        tries = 0
        while True:
            if not self._reachable and self._clock() >= body.give_up_at:
                raise StoreUnavailable("InfluxDB was away for longer than this write could wait: write it again")
            try:
                self._api.write(self._bucket, self._org, payload, write_precision="s")  # type: ignore[arg-type]
            except ApiException as error:
                status = int(error.status or 0)
                if status in (_MALFORMED, _TOO_LARGE, _PARTLY_REFUSED):
                    self._reachable = True
                    return status, answer_text(error)
                if status not in _RETRY_STATUS and not 500 <= status < 600:
                    raise StoreError(_what_to_do(status, answer_text(error), self._bucket)) from error
                why, wait_s = f"answers {status}: {answer_text(error)}", _retry_after_s(error)
            except (HTTPError, OSError) as error:
                why, wait_s = f"cannot be reached: {error}", 0.0
            else:
                if not self._reachable:
                    log.info("InfluxDB takes writes again")
                self._reachable = True
                return 204, ""
            self._wait(why, max(wait_s, self._backoff.wait_s(tries, self._draw)), body, tries)
            tries += 1

    def _wait(self, why: str, wait_s: float, body: _Body, tries: int) -> None:
        if tries == 0 and self._reachable:
            log.warning("InfluxDB %s; trying again until it answers", why)
        self._reachable = False
        now = self._clock()
        if now + wait_s > body.give_up_at:
            raise StoreUnavailable(f"InfluxDB {why}: this write waited {self._patience_s} s, write it again")
        if self._closing.is_set():
            if now + wait_s > self._close_by:
                raise StoreUnavailable(f"InfluxDB {why}, and this process is ending: what was not stored comes again")
            time.sleep(min(wait_s, 0.5))
        else:
            # Wakes up at once when the process ends.
            self._closing.wait(wait_s)


def answer_text(error: ApiException) -> str:
    """What the server said, without its headers."""
    text = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or error.reason)
    found = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
    return (found.group(1) if found else text)[:1000]


def _retry_after_s(error: ApiException) -> float:
    headers: Any = error.headers or {}
    asked = str(headers.get("Retry-After", "")).strip()
    return float(asked) if asked.isdigit() else 0.0


def _what_to_do(status: int, message: str, bucket: str) -> str:
    if status == 401:
        return f"InfluxDB does not know the token (401: {message}): give a valid one"
    if status == 403:
        return f"the InfluxDB token may not write to bucket {bucket} (403: {message}): give it that permission"
    if status == 404:
        return f"InfluxDB has no bucket {bucket} or no such organisation (404: {message}): run `meterwatch provision`"
    return f"InfluxDB refuses the write ({status}: {message})"
