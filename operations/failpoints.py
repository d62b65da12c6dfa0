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


def _armed() -> tuple[str, int] | None:
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return None
    name, _, times = wanted.partition(":")
    if name not in FAILPOINTS:
        raise ValueError(f"{VARIABLE}={wanted}: no such failpoint; there are {', '.join(FAILPOINTS)}")
    return name, int(times or 1)


_ARMED = _armed()
_passed = 0


def failpoint(name: str) -> None:
    """Die here by SIGKILL if this place was asked for; otherwise nothing."""
    if _ARMED is not None:
        _die(name)


def _die(name: str) -> None:
    global _passed
    if _ARMED is None or name != _ARMED[0]:
        return
    _passed += 1
    if _passed >= _ARMED[1]:
        os.kill(os.getpid(), signal.SIGKILL)
