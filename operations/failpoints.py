"""Named places where a test lets the process die, as a power cut would: METERWATCH_TEST_FAILPOINT=name, or name:3 for the third time."""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE = "METERWATCH_TEST_FAILPOINT"
#: In the order in which a turn of an alert passes them.
FAILPOINTS: Final = {
    "after_decision_before_commit": "the area stage decided, nothing is saved",
    "after_commit_before_dispatch": "the area's checkpoint is saved, the dispatcher has not seen it",
    "in_dispatch_before_commit": "the dispatcher made its notifications, nothing is saved",
    "after_dispatch_commit": "the notifications are in the outbox, none is sent",
    "before_fold_commit": "a digest was made of what waits, nothing is saved",
    "after_fold_commit": "the digest is in the outbox in their stead",
    "before_send": "a notification was taken, the receiver has not seen it",
    "after_send_before_mark": "the receiver has it, nobody wrote that down",
    "after_mark": "the receiver has it, and it is written down",
}


_armed: str | None = None
_left = 0


def arm(wanted: str) -> None:
    """Die when the named place is passed, for the n-th time with ``name:n``; ValueError where there is no such place."""
    global _armed, _left
    name, _, times = wanted.partition(":")
    if name not in FAILPOINTS:
        raise ValueError(f"{VARIABLE}={wanted}: no such failpoint; there are {', '.join(FAILPOINTS)}")
    _armed, _left = name, int(times or 1)


def failpoint(name: str) -> None:
    """Die here by SIGKILL if this place was asked for; otherwise nothing."""
    if _armed is not None:
        _pass(name)


def _pass(name: str) -> None:
    global _left
    if name == _armed:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


if VARIABLE in os.environ:
    arm(os.environ[VARIABLE])
