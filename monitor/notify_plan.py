"""The notify plan's file, read once when a command starts; its faults are told with file, line and what to write."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from alerts.routes import Routes
from metering.errors import SettingsError
from metering.notification import DESK, Notification
from metering.ports import Sender
from metering.times import LocalCalendar
from monitor.settings import PREFIX
from monitor.thresholds import line_of
from notify.plan import NotifyPlan, PlanFault, open_channel, parse_plan
from operations.deliver_notifications import Channel

VARIABLE = f"{PREFIX}NOTIFY"


class Desk:
    """The desk's own channel: it reads the outbox itself, nothing is sent."""

    def send(self, notification: Notification) -> None:
        """It is there already."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is told, and by which channels. Without a file everything goes to the desk."""

    plan: NotifyPlan = field(default_factory=NotifyPlan)
    path: Path | None = None

    @property
    def routes(self) -> Routes:
        return self.plan.routes()

    def channel(self, name: str, calendar: LocalCalendar) -> Channel:
        """One channel, opened; nothing is sent yet. Raises `SettingsError` where it cannot be used, or is not in the plan."""
        if name == DESK:
            return Channel(DESK, Desk())
        if self.path is None:
            raise SettingsError(f"there is no channel {name!r}: {VARIABLE} names no plan")
        if name not in self.plan.channels:
            known = ", ".join(self.plan.channels) or "none"
            raise SettingsError(f"there is no channel {name!r} in {self.path}; there is {known}")
        written = self.plan.channels[name]
        try:
            sender: Sender = open_channel(name, written, self.path.parent, calendar, self.plan.desk_url)
        except PlanFault as fault:
            raise _told(self.path, fault) from fault
        return Channel(name, sender, written.per_hour)

    def channels(self, calendar: LocalCalendar) -> tuple[Channel, ...]:
        """Every channel of the plan, and the desk."""
        return tuple(self.channel(name, calendar) for name in (DESK, *self.plan.channels))


def load_plan(path: Path | None) -> Plan:
    """The plan of a TOML file; the usual one without a file. Raises `SettingsError` where it cannot be read or used."""
    if path is None:
        return Plan()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            f"notify plan {path}: {error.strerror or error}; name one that can be read, or unset {VARIABLE}"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"notify plan {path}: not UTF-8 text at byte {error.start}; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"notify plan {path}: {error}; see docs/notifications.md") from error
    try:
        return Plan(parse_plan(found), path)
    except PlanFault as fault:
        raise _told(path, fault) from fault


def _told(path: Path, fault: PlanFault) -> SettingsError:
    line = line_of(path.read_text(encoding="utf-8-sig"), fault.section, fault.key)
    where = "" if line is None else f", line {line}"
    section = f"[{fault.section}] " if fault.section else ""
    return SettingsError(f"notify plan {path}{where}: {section}{fault}")
