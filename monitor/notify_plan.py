"""The notify plan's file, read once when a command starts; its faults are told with file, line and what to write."""

from __future__ import annotations

import stat
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
from notify.plan import DAYS, NotifyPlan, PlanFault, open_channel, parse_plan
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


def remarks(plan: Plan) -> list[str]:
    """What is allowed and may still be a mistake: hours in which nobody is on call, secrets that others can read."""
    found = []
    if plan.plan.channels and not plan.plan.on_call:
        found.append("no [[on_call]]: what is urgent is only shown on the desk")
    if gaps := plan.routes.uncovered():
        day, begins = gaps[0]
        more = f" and {len(gaps) - 1} more gaps" if len(gaps) > 1 else ""
        found.append(
            f"nobody is on call from {DAYS[day]} {begins:%H:%M}{more}: what is urgent is then only shown on the desk"
        )
    if plan.path is not None:
        files = [plan.path, *(plan.path.parent / name for name in _secret_files(plan.plan))]
        found += [f"{file} can be read by everybody on this machine: chmod 600" for file in files if _is_open(file)]
    return found


def _secret_files(plan: NotifyPlan) -> list[Path]:
    return [name for each in plan.channels.values() for name in (each.url_file, each.secret_file) if name is not None]


def _is_open(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IROTH)
