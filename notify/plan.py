"""The notify plan: one TOML file that says who is told what, where, when and in which language. Parsed here, read in `monitor/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from alerts.routes import MOST_LINES, Crew, Escalation, Routes, Shift
from metering.errors import SettingsError
from metering.notification import DESK
from metering.ports import Sender
from metering.times import LocalCalendar
from notify.robot import DingTalkRobot, WeComRobot
from notify.texts import Language, Writer
from notify.webhook import Webhook

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)

ChannelKind = Literal["webhook", "apprise", "dingtalk", "wecom"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class PlanFault(SettingsError):
    """What is wrong in the plan: `section` and `key` say where it stands."""

    def __init__(self, text: str, section: str = "", key: str = "") -> None:
        super().__init__(text)
        self.section, self.key = section, key


def _clock(written: object) -> object:
    """ "08:30" or TOML's own 08:30:00; "24:00" is midnight."""
    if isinstance(written, str):
        if re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d|24:00", written) is None:
            raise ValueError('write a time of day, such as "08:30"')
        hour, _, minute = written.partition(":")
        return time(int(hour) % 24, int(minute))
    return written


Clock = Annotated[time, BeforeValidator(_clock)]
_STRICT = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True)


class ChannelPlan(BaseModel):
    """Where a channel leads. The address is a secret, for it often holds a token: it is never shown."""

    model_config = _STRICT
    kind: ChannelKind
    url: str = Field("", repr=False)
    url_file: Path | None = None
    secret_file: Path | None = None
    ca_file: Path | None = None
    allow_http: bool = False
    language: Language = "en"
    per_hour: Annotated[int, Field(ge=1, le=3600)] | None = None
    most_lines: Annotated[int, Field(ge=1, le=100)] = MOST_LINES

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if bool(self.url) == (self.url_file is not None):
            raise ValueError("give either url, or url_file with the address in a file of its own")
        if self.secret_file is not None and self.kind not in ("webhook", "dingtalk"):
            raise ValueError(f"a {self.kind} channel signs nothing: leave secret_file out")
        if self.ca_file is not None and self.kind == "apprise":
            raise ValueError("Apprise takes no ca_file: leave it out")
        return self


class ShiftPlan(BaseModel):
    model_config = _STRICT
    channel: Name
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    begins: Clock = Field(time(), alias="from")
    ends: Clock = Field(time(), alias="to")

    def shift(self) -> Shift:
        return Shift(self.channel, self.begins, self.ends, frozenset(map(DAYS.index, self.days)))


class EscalationPlan(BaseModel):
    model_config = _STRICT
    after_minutes: Annotated[int, Field(ge=1, le=1440)]
    channel: Name


class CrewPlan(BaseModel):
    model_config = _STRICT
    channel: Name = DESK
    visits_per_day: Annotated[int, Field(ge=0, le=1000)] = 8
    morning: Clock = time(7)
    areas: tuple[str, ...] = ()
    feeders: tuple[str, ...] = ()


class NotifyPlan(BaseModel):
    """The whole file."""

    model_config = _STRICT
    desk_url: str = ""
    channels: dict[Name, ChannelPlan] = Field(default_factory=dict)
    on_call: tuple[ShiftPlan, ...] = ()
    escalation: EscalationPlan | None = None
    crews: dict[Name, CrewPlan] = Field(default_factory=dict)

    def routes(self) -> Routes:
        usual = Routes()
        return Routes(
            on_call=tuple(each.shift() for each in self.on_call) or usual.on_call,
            escalation=None
            if self.escalation is None
            else Escalation(self.escalation.after_minutes, self.escalation.channel),
            crews=tuple(
                Crew(name, crew.channel, crew.visits_per_day, crew.morning, crew.areas, crew.feeders)
                for name, crew in self.crews.items()
            )
            or usual.crews,
            per_hour={name: each.per_hour for name, each in self.channels.items() if each.per_hour is not None},
            most_lines={name: each.most_lines for name, each in self.channels.items()},
        )


def parse_plan(found: Mapping[str, Any]) -> NotifyPlan:
    """The plan of a TOML file's content. Raises `PlanFault` that says what to write instead."""
    try:
        plan = NotifyPlan.model_validate(found)
    except ValidationError as error:
        raise _fault(error) from None
    for section, channel in _named(plan):
        if channel != DESK and channel not in plan.channels:
            known = ", ".join([DESK, *plan.channels])
            raise PlanFault(
                f"there is no channel {channel!r}: add [channels.{channel}], or name one of {known}", section, "channel"
            )
    if DESK in plan.channels:
        raise PlanFault(f"{DESK!r} is the desk itself: give the channel another name", f"channels.{DESK}")
    if plan.desk_url and urlsplit(plan.desk_url).scheme not in ("http", "https"):
        raise PlanFault("desk_url: begin with http:// or https://, as people open the desk", "", "desk_url")
    return plan.model_copy(update={"desk_url": plan.desk_url.rstrip("/")})


def open_channel(name: str, channel: ChannelPlan, folder: Path, calendar: LocalCalendar, desk_url: str) -> Sender:
    """What sends to a channel of a plan that lies in `folder`; nothing is sent yet. Raises `PlanFault` where an address or a
    secret cannot be used."""
    section = f"channels.{name}"
    url = channel.url or _read(folder, channel.url_file, section, "url_file")[0]
    secrets = [] if channel.secret_file is None else _read(folder, channel.secret_file, section, "secret_file")
    authorities = None if channel.ca_file is None else folder / channel.ca_file
    if authorities is not None and not authorities.is_file():
        raise PlanFault(f"ca_file {authorities} is not there: name a file of certificates (PEM)", section, "ca_file")
    writer = Writer(calendar, channel.language, desk_url, channel.most_lines)
    if channel.kind == "apprise":
        # it takes half a second to load, and most commands send nothing
        from notify.apprise_channel import AppriseChannel

        try:
            return AppriseChannel(url, writer)
        except SettingsError as error:
            raise PlanFault(str(error), section, "url") from error
    _check_address(url, section, allow_http=channel.allow_http)
    if channel.kind == "webhook":
        return Webhook(url, writer, secrets=secrets, authorities=authorities)
    if channel.kind == "dingtalk":
        return DingTalkRobot(url, writer, secret=secrets[0] if secrets else "", authorities=authorities)
    return WeComRobot(url, writer, authorities=authorities)


def _check_address(url: str, section: str, *, allow_http: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PlanFault("its url must begin with https:// and name a host", section, "url")
    if parts.scheme == "http" and not allow_http and not _is_loopback(parts.hostname):
        raise PlanFault(
            "its url is not encrypted: use https://, or say allow_http = true if nobody else is on that network",
            section,
            "url",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(folder: Path, name: Path | None, section: str, key: str) -> list[str]:
    """The lines of a file that holds an address or secrets."""
    path = folder / (name or "")
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise PlanFault(f"{key} {path} cannot be read ({reason})", section, key) from error
    if not lines:
        raise PlanFault(f"{key} {path} is empty: write the value into its first line", section, key)
    return lines


def _named(plan: NotifyPlan) -> list[tuple[str, str]]:
    """(section, channel) of everything that names a channel."""
    named = [("on_call", shift.channel) for shift in plan.on_call]
    named += [(f"crews.{name}", crew.channel) for name, crew in plan.crews.items()]
    return named if plan.escalation is None else [*named, ("escalation", plan.escalation.channel)]


def _fault(error: ValidationError) -> PlanFault:
    """The first fault, in words. What was written is not repeated: it may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = [str(part) for part in first["loc"]]
    words = {
        "extra_forbidden": "is nothing the plan knows: see docs/notifications.md",
        "missing": "is missing",
        "string_pattern_mismatch": "use small letters, digits, - and _ in names",
        "model_type": "write it as a section, such as [channels.phone]",
        "dict_type": "write it as sections, such as [channels.phone]",
        "tuple_type": "write it as a list; sections of shifts have two brackets: [[on_call]]",
        "too_short": "name at least one, or leave it out",
    }
    said = words.get(first["type"], first["msg"].removeprefix("Value error, "))
    sections = [part for part in where if not part.isdecimal() and part != "[key]"]
    key = sections.pop() if len(sections) != 2 or sections[0] not in ("channels", "crews") else ""
    return PlanFault(f"{key}: {said}" if key else said, ".".join(sections), key)
