"""`notifications list | show | retry | test`: what people were sent, and what a person does about what was not taken."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from metering.errors import MeterwatchError, NotSent, SettingsError
from metering.notification import DESK, Delivery, DeliveryState, Notification
from metering.times import LocalCalendar
from monitor.notify_plan import load_plan
from monitor.replay import STATE_FILE
from monitor.settings import load_settings
from monitor.silences import log_clock_s
from monitor.stores import open_existing_store
from notify.texts import Language, Writer
from operations.deliver_notifications import READ_AT_ONCE, retry
from storage.sql import SqlStore

TEST_GROUP = "test"


@contextmanager
def _store(run: Path | None = None) -> Iterator[SqlStore]:
    settings = load_settings()
    if run is not None:
        if not (run / STATE_FILE).exists():
            raise SettingsError(f"{run} holds no {STATE_FILE}: give --run a RUN folder")
        settings = settings.model_copy(update={"database_url": f"sqlite:///{run / STATE_FILE}"})
    store = open_existing_store(settings)
    try:
        yield store
    finally:
        store.close()


def listed(state: DeliveryState | None, channel: str | None, limit: int, run: Path | None) -> Iterator[str]:
    with _store(run) as store:
        found = store.deliveries(state=state, channel=channel, limit=limit)
        if not found:
            yield "there are no such notifications"
            return
        writer = Writer(store.load_archive().calendar)
        yield from (_row(each, writer) for each in found)


def _row(delivery: Delivery, writer: Writer) -> str:
    told = delivery.notification
    row = f"{told.notification_id}  {writer.calendar.text(told.made_at_s)}  {told.channel:<12}{delivery.state:<10}"
    error = f"  ({delivery.last_error})" if delivery.last_error else ""
    return f"{row}{writer.title(told)}{error}"


def shown(notification_id: str, language: Language, run: Path | None) -> str:
    with _store(run) as store:
        found = store.delivery(notification_id)
        if found is None:
            raise MeterwatchError(f"there is no notification {notification_id}: see `meterwatch notifications list`")
        calendar = store.load_archive().calendar
        acts = [f"{calendar.text(act.at_s)} {act.move} by {act.actor}" for act in store.audit(notification_id)]
        message = Writer(calendar, language).write(found.notification)
        return "\n".join([_standing(found), *acts]) + f"\n\n{message}"


def _standing(delivery: Delivery) -> str:
    told = delivery.notification
    lines = [f"{told.notification_id} to {told.channel}: {delivery.state}, tried {delivery.attempts} times"]
    if delivery.delivered_at_s is not None:
        lines.append(f"taken at {_wall(delivery.delivered_at_s)}")
    if delivery.folded_into:
        lines.append(f"told by the digest {delivery.folded_into}")
    if delivery.last_error:
        lines.append(
            f"the receiver {delivery.last_error}" if delivery.last_error.startswith("answered") else delivery.last_error
        )
    if delivery.state == "waiting" and delivery.next_try_s:
        lines.append(f"next try at {_wall(delivery.next_try_s)}")
    return "\n".join(lines)


def _wall(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d %H:%M:%S}Z"


def retried(ids: Sequence[str], channel: str | None, by: str) -> str:
    with _store() as store:
        failed = store.deliveries(state="failed", channel=channel, limit=READ_AT_ONCE)
        chosen = list(ids) or [each.notification.notification_id for each in failed]
        for notification_id in chosen:
            retry(store, notification_id, by=by, now_s=log_clock_s(store))
    return f"{len(chosen)} notifications wait again" if chosen else "nothing failed"


def try_channel(name: str) -> str:
    """Past the outbox: what is try_channel is the channel. The archive is not needed for it."""
    if name == DESK:
        raise SettingsError("the desk is shown in a browser and needs no test: `meterwatch desk`")
    settings = load_settings()
    channel = load_plan(settings.notify).channel(name, _calendar())
    now_s = int(time.time())
    try:
        channel.sender.send(Notification(name, "notice", "none", TEST_GROUP, now_s, now_s, ()))
    except NotSent as error:
        raise MeterwatchError(
            f"{name}: {error}; {'it would be tried again' if error.recoverable else 'final'}"
        ) from error
    return f"{name}: taken. Look whether it arrived."


def _calendar() -> LocalCalendar:
    """The utility's; UTC where there is no store yet, or none that answers: a channel can be tried before everything else."""
    try:
        with _store() as store:
            return store.load_archive().calendar
    except MeterwatchError:
        return LocalCalendar("UTC")
