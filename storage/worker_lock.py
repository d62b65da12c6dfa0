"""SQLite admits one worker process at a time: a lock on a file beside the database, gone with the process that held it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from threading import Lock

from metering.errors import StoreError

_HELD: dict[Path, tuple[int, int]] = {}
"""lock file -> (file descriptor, how many stores of this process hold it)"""
_GUARD = Lock()


def hold(database_file: Path) -> Path:
    """Hold the lock for this process; `StoreError` while another process does. Give it back with `let_go`.

    The operating system frees it when the process ends in whatever way, so a restart after `kill -9` never waits.
    """
    lock_file = database_file.resolve().with_name(database_file.name + ".worker-lock")
    with _GUARD:
        if lock_file in _HELD:
            descriptor, holders = _HELD[lock_file]
            _HELD[lock_file] = (descriptor, holders + 1)
            return lock_file
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreError(
                f"SQLite file {database_file} already serves a worker (process {holder}), and it admits one at a time: "
                "stop that worker, or give all workers a PostgreSQL URL"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        _HELD[lock_file] = (descriptor, 1)
        return lock_file


def let_go(lock_file: Path) -> None:
    with _GUARD:
        descriptor, holders = _HELD[lock_file]
        if holders > 1:
            _HELD[lock_file] = (descriptor, holders - 1)
            return
        del _HELD[lock_file]
        os.close(descriptor)
