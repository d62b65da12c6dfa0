"""The notify plan: what it makes of a file, and what it says of a wrong one."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import get_args

import pytest

from alerts.routes import Crew, Escalation, Routes, Shift
from metering.errors import SettingsError
from metering.notification import DESK
from metering.times import LocalCalendar
from monitor.notify_plan import Plan, load_plan, remarks
from monitor.replay import ReplayPlan, Through, run_settings
from monitor.settings import load_settings
from notify.webhook import Webhook

CALENDAR = LocalCalendar("Asia/Shanghai")
WHOLE = """
desk_url = "https://desk.example.org/"
[channels.phone]
kind = "webhook"
url_file = "secrets/phone"
secret_file = "secrets/phone-secret"
language = "zh"
per_hour = 20
most_lines = 10
[channels.chief]
kind = "dingtalk"
url = "https://robot.example.org/send?access_token=t"
[[on_call]]
channel = "phone"
days = ["mon", "fri"]
from = "08:00"
to = 20:00:00
[[on_call]]
channel = "chief"
[escalation]
after_minutes = 20
channel = "chief"
[crews.north]
areas = ["TA-00*"]
feeders = ["F-07"]
visits_per_day = 6
channel = "phone"
morning = "07:30"
"""


def plan(folder: Path, text: str) -> Plan:
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / "phone").write_text("https://hook.example.org/abc\n")
    (folder / "secrets" / "phone-secret").write_text("new\nold\n")
    path = folder / "notify.toml"
    path.write_text(text, encoding="utf-8")
    return load_plan(path)


def fault(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        plan(folder, text).channels(CALENDAR)
    return str(caught.value)


def test_a_whole_plan_becomes_routes_and_channels(tmp_path: Path) -> None:
    whole = plan(tmp_path, WHOLE)
    assert whole.routes == Routes(
        (Shift("phone", time(8), time(20), frozenset({0, 4})), Shift("chief")),
        Escalation(20, "chief"),
        (Crew("north", "phone", 6, time(7, 30), ("TA-00*",), ("F-07",)),),
        {"phone": 20},
        {"phone": 10, "chief": 20},
    )
    channels = {channel.name: channel for channel in whole.channels(CALENDAR)}
    assert list(channels) == [DESK, "phone", "chief"]
    assert channels["phone"].per_hour == 20
    assert isinstance(channels["phone"].sender, Webhook)


def test_without_a_plan_there_is_the_desk() -> None:
    none = load_plan(None)
    assert none.routes == Routes()
    assert [channel.name for channel in none.channels(CALENDAR)] == [DESK]
    with pytest.raises(SettingsError, match="METERWATCH_NOTIFY names no plan"):
        none.channel("phone", CALENDAR)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[channels.phone]\nkind = "webhook"\n', "line 1: [channels.phone] give either url, or url_file"),
        ('[channels.phone]\nkind = "fax"\nurl = "x"\n', "line 2: [channels.phone] kind: Input should be 'webhook',"),
        ('[channels.Phone]\nkind = "webhook"\nurl = "x"\n', "line 1: [channels.Phone] use small letters"),
        (
            '\n[channels.p]\nkind = "webhook"\nurl = "https://x"\nlimit = 3\n',
            "line 5: [channels.p] limit: is nothing the plan knows",
        ),
        ('[channels.desk]\nkind = "webhook"\nurl = "https://x"\n', "line 1: [channels.desk] 'desk' is the desk itself"),
        (
            '[channels.p]\nkind = "wecom"\nurl = "https://x"\nsecret_file = "s"\n',
            "[channels.p] a wecom channel signs nothing",
        ),
        ('[[on_call]]\nchannel = "nobody"\n', "line 2: [on_call] there is no channel 'nobody': add [channels.nobody]"),
        ('[on_call]\nchannel = "desk"\n', "on_call: write it as a list; sections of shifts have two brackets"),
        ('[[on_call]]\nchannel = "desk"\nfrom = "8"\n', 'line 3: [on_call] from: write a time of day, such as "08:30"'),
        ('[[on_call]]\nchannel = "desk"\ndays = []\n', "line 3: [on_call] days: name at least one, or leave it out"),
        ("[escalation]\nafter_minutes = 5\n", "line 1: [escalation] channel: is missing"),
        ('[crews.n]\nchannel = "x"\n', "line 2: [crews.n] there is no channel 'x'"),
        ('desk_url = "desk"\n', "line 1: desk_url: begin with http:// or https://"),
        ("desk_url =\n", "see docs/notifications.md"),
        (
            '[channels.p]\nkind = "webhook"\nurl = "http://example.org/x"\n',
            "line 3: [channels.p] its url is not encrypted",
        ),
        (
            '[channels.p]\nkind = "webhook"\nurl = "example.org"\n',
            "line 3: [channels.p] its url must begin with https://",
        ),
        ('[channels.p]\nkind = "webhook"\nurl_file = "none"\n', "cannot be read (No such file or directory)"),
        (
            '[channels.p]\nkind = "webhook"\nurl = "https://x"\nca_file = "none.pem"\n',
            "line 4: [channels.p] ca_file",
        ),
        (
            '[channels.p]\nkind = "apprise"\nurl = "foo://x"\n',
            "line 3: [channels.p] its url is none that Apprise can use",
        ),
    ],
)
def test_a_fault_is_told_with_its_line_and_remedy(tmp_path: Path, text: str, said: str) -> None:
    assert said in fault(tmp_path, text)


@pytest.mark.parametrize("url", ["http://s3cret.example.org/hook", "s3cret", "foo://s3cret"])
@pytest.mark.parametrize("kind", ["webhook", "apprise", "wecom"])
def test_no_fault_tells_an_address(tmp_path: Path, url: str, kind: str) -> None:
    assert "s3cret" not in fault(tmp_path, f'[channels.p]\nkind = "{kind}"\nurl = "{url}"\nper_hour = "x"\n')
    if (kind, url) != ("apprise", "http://s3cret.example.org/hook"):
        assert "s3cret" not in fault(tmp_path, f'[channels.p]\nkind = "{kind}"\nurl = "{url}"\n')
    assert "s3cret" not in repr(plan(tmp_path, f'[channels.p]\nkind = "{kind}"\nurl = "{url}"\n'))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]/x", "https://example.org/x"]
)
def test_an_address_on_this_machine_needs_no_encryption(tmp_path: Path, url: str) -> None:
    assert plan(tmp_path, f'[channels.p]\nkind = "webhook"\nurl = "{url}"\n').channels(CALENDAR)


def test_encryption_can_be_waived_for_one_channel(tmp_path: Path) -> None:
    text = '[channels.p]\nkind = "webhook"\nurl = "http://example.org/x"\nallow_http = true\n'
    assert plan(tmp_path, text).channels(CALENDAR)


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    said = fault(tmp_path, '[channels.p]\nkind = "webhook"\nurl = "https://x"\nsecret_file = "empty"\n')
    assert "is empty: write the value into its first line" in said


@pytest.mark.parametrize("path", ["none.toml", "."])
def test_a_plan_that_cannot_be_read_is_told(tmp_path: Path, path: str) -> None:
    with pytest.raises(SettingsError, match="name one that can be read"):
        load_plan(tmp_path / path)


@pytest.mark.parametrize("through", get_args(Through))
def test_a_replay_tells_nobody_of_what_is_past(tmp_path: Path, through: Through) -> None:
    settings = load_settings(
        {"METERWATCH_NOTIFY": str(tmp_path / "notify.toml"), "METERWATCH_KAFKA_URL": "localhost:9"}
    )
    assert run_settings(ReplayPlan(tmp_path, tmp_path, through), settings).notify is None


def test_what_may_be_a_mistake_is_remarked(tmp_path: Path) -> None:
    whole = plan(tmp_path, WHOLE)
    for file in (tmp_path / "notify.toml", tmp_path / "secrets" / "phone"):
        file.chmod(0o600)
    (tmp_path / "secrets" / "phone-secret").chmod(0o644)
    assert remarks(whole) == [f"{tmp_path}/secrets/phone-secret can be read by everybody on this machine: chmod 600"]
    (tmp_path / "secrets" / "phone-secret").chmod(0o600)
    assert remarks(plan(tmp_path, '[[on_call]]\nchannel = "desk"\nfrom = "08:00"\nto = "17:00"\n'))[0] == (
        "nobody is on call from mon 17:00 and 6 more gaps: what is urgent is then only shown on the desk"
    )
    assert remarks(plan(tmp_path, '[channels.p]\nkind = "webhook"\nurl = "https://x"\n'))[0] == (
        "no [[on_call]]: what is urgent is only shown on the desk"
    )
