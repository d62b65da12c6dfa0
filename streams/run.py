"""Runs apps as a process of their own: started, watched, and stopped by a signal with everything saved."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterable

from metering.errors import MeterwatchError
from streams.app import StageApp

log = logging.getLogger("meterwatch.streams")

_STOP_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.5


def run_worker(*apps: StageApp, stop_within_s: float = _STOP_WITHIN_S) -> int:
    """Run until SIGTERM or SIGINT (exit code 0) or until an app cannot go on (1, its reason logged).

    A stop saves, commits and leaves the group. It does not install logging: the caller has.
    """
    runner = asyncio.Runner()
    code, left_the_log = runner.run(_run(apps, stop_within_s))
    if left_the_log:
        # otherwise it would wait for tasks that wait for a log that is away
        runner.close()
    return code


async def _run(apps: tuple[StageApp, ...], stop_within_s: float) -> tuple[int, bool]:
    """(exit code, whether the log was left in time)."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    failure: str | None = None
    try:
        failure = await _start(apps, asked) or await watch(apps, asked)
        if failure is None:
            log.info("stopping: asked to")
    finally:
        for app in reversed(apps):
            await app.driver.finish()
        # not a timeout: a log that is away swallows the cancelling
        leaving = asyncio.ensure_future(stop_apps(apps))
        await asyncio.wait({leaving}, timeout=stop_within_s)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    if not leaving.done():
        log.warning(
            "the log was not left within %g s: its broker will notice; all that was saved counts", stop_within_s
        )
    elif (error := leaving.exception()) is not None:
        failure = failure or f"stopping failed: {error!r}"
    if failure is not None:
        log.error("stopped: %s", failure)
    return int(failure is not None), leaving.done()


async def _start(apps: Iterable[StageApp], asked: asyncio.Event) -> str | None:
    for app in apps:
        starting = asyncio.ensure_future(app.start())
        stopping = asyncio.ensure_future(asked.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            return None
        if (error := starting.exception()) is not None:
            return f"{app.conf.id} cannot start: {error!r}"
    return None


async def watch(apps: Iterable[StageApp], asked: asyncio.Event) -> str | None:
    """Wait until `asked` is set (None) or an app fails (why)."""
    apps = tuple(apps)
    while not asked.is_set():
        if (failure := failure_of(apps)) is not None:
            return failure
        waiting = [asyncio.ensure_future(asked.wait()), *(asyncio.ensure_future(a.driver.failed.wait()) for a in apps)]
        await asyncio.wait(waiting, timeout=_LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
    return None


def failure_of(apps: Iterable[StageApp]) -> str | None:
    """Why one of the apps cannot go on, or None."""
    for app in apps:
        if app.driver.failure is not None:
            return str(app.driver.failure)
        if app.crashed:
            return f"{app.conf.id} crashed: {app.crash_reason!r}"
    return None


def raise_failure(apps: Iterable[StageApp]) -> None:
    """Raise what failed, as it was raised where it has a text for people."""
    for app in apps:
        if app.driver.failure is not None:
            raise app.driver.failure
        if app.crashed:
            raise MeterwatchError(f"{app.conf.id} crashed: {app.crash_reason!r}")


async def stop_apps(apps: Iterable[StageApp]) -> None:
    """Save, commit, leave the group, stop; last started, first stopped."""
    last_first = tuple(reversed(tuple(apps)))
    for app in last_first:
        await app.driver.finish()
    for app in last_first:
        await app.stop()
