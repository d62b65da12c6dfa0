"""What was read a moment ago is given to all who ask meanwhile: many screens that refresh themselves are one reading."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

Read = TypeVar("Read")


class Moments:
    """One value per name, as old as its seconds at most; another key replaces it. Who asks meanwhile waits for the same reading."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._locks: dict[str, Lock] = {}
        self._held: dict[str, tuple[float, Hashable, Any]] = {}

    def get(self, name: str, seconds: float, read: Callable[[], Read], key: Hashable = None) -> Read:
        """What `read` gives, or gave less than `seconds` ago for the same `key`. What it raises is held for nobody."""
        with self._lock:
            lock = self._locks.setdefault(name, Lock())
        with lock:
            held = self._held.get(name)
            if held is not None and held[1] == key and self._clock() - held[0] < seconds:
                known: Read = held[2]
                return known
            fresh = read()
            self._held[name] = (self._clock(), key, fresh)
            return fresh
