"""`notifications`: what a person sees of the outbox and does about it, against a real store, HTTP and mail server."""

from __future__ import annotations

from pathlib import Path

import pytest

from metering.archive import Archive, Meter
from metering.errors import MeterwatchError, SettingsError
from metering.notification import Delivery, DeliveryState
from monitor.notifications import listed, retried, shown, try_channel
from monitor.provision import doctor
from monitor.settings import load_settings
from notify.signature import SIGNATURE
from storage.sql import SqlStore
from tests.unit.notify.made_notifications import calm, notification
from tests.unit.notify.receivers import Answer, http_receiver, mail_receiver

ARCHIVE = Archive("small", 15, "Asia/Shanghai", (Meter("M1", "SP1", "C1", "A1", "customer"),))
FAILED = Delivery(notification(1), "failed", 1, last_error="answered 401 who are you")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An outbox with one of each state; its URL."""
    url = f"sqlite:///{tmp_path}/state.sqlite"
    opened = SqlStore(url)
    opened.save_archive(ARCHIVE)
    digest = notification(9, "digest")
    opened.save_deliveries(
        [
            FAILED,
            Delivery(notification(2), "delivered", 1, 0.0, 1_768_219_200.0),
            Delivery(calm(3), "waiting", 2, 1_768_219_260.0, None, "cannot be reached (Connection refused)"),
            Delivery(calm(4), "folded", folded_into=digest.notification_id),
            Delivery(notification(5, channel="wall"), "failed", 1, last_error="answered 404"),
        ]
    )
    opened.close()
    monkeypatch.setenv("METERWATCH_DATABASE_URL", url)
    return url


def states(url: str) -> dict[str, DeliveryState]:
    opened = SqlStore(url)
    found = {each.notification.notification_id: each.state for each in opened.deliveries()}
    opened.close()
    return found


@pytest.mark.usefixtures("store")
def test_the_list_is_newest_first_and_says_why_something_failed() -> None:
    lines = list(listed(None, None, 50, None))
    assert len(lines) == 5
    assert "2026-01-12 20:05  wall        failed    URGENT: TA-0005, suspected neutral lost" in lines[0]
    assert lines[-1].endswith("(answered 401 who are you)")


@pytest.mark.usefixtures("store")
def test_the_list_can_be_of_one_state_and_channel() -> None:
    assert len(list(listed("failed", None, 50, None))) == 2
    assert len(list(listed("failed", "wall", 50, None))) == 1
    assert list(listed("folded", "wall", 50, None)) == ["there are no such notifications"]


def test_a_run_can_be_looked_at(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METERWATCH_DATABASE_URL")
    assert len(list(listed(None, None, 50, tmp_path))) == 5
    with pytest.raises(SettingsError, match="holds no"):
        list(listed(None, None, 50, tmp_path / "none"))


@pytest.mark.usefixtures("store")
def test_one_is_shown_with_its_standing_and_its_text() -> None:
    text = shown(FAILED.notification.notification_id, "zh", None)
    assert "failed, tried 1 times\nthe receiver answered 401 who are you" in text
    assert "【紧急】TA-0001，疑似中性线断线或接触不良" in text
    assert "next try at 2026-01-12 12:01:00Z" in shown(calm(3).notification_id, "en", None)
    assert "taken at 2026-01-12 12:00:00Z" in shown(notification(2).notification_id, "en", None)
    assert "told by the digest n-" in shown(calm(4).notification_id, "en", None)
    with pytest.raises(MeterwatchError, match="there is no notification"):
        shown("n-none", "en", None)


def test_what_failed_waits_again_by_number_by_channel_or_all(store: str) -> None:
    assert retried([], "wall", "Li Na") == "1 notifications wait again"
    assert states(store)[notification(5, channel="wall").notification_id] == "waiting"
    assert retried([FAILED.notification.notification_id], None, "Li Na") == "1 notifications wait again"
    assert retried([], None, "Li Na") == "nothing failed"
    assert "retry by Li Na" in shown(FAILED.notification.notification_id, "en", None)


def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = tmp_path / "notify.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    monkeypatch.setenv("METERWATCH_NOTIFY", str(path))


def test_a_test_reaches_a_webhook_and_a_mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    with http_receiver() as http, mail_receiver() as mail:
        plan(
            tmp_path,
            monkeypatch,
            f'[channels.hook]\nkind = "webhook"\nurl = "{http.url}"\nsecret_file = "secret"\n'
            f'[channels.mail]\nkind = "apprise"\nlanguage = "zh"\n'
            f'url = "mailto://127.0.0.1:{mail.port}?from=a@example.org&to=b@example.org&mode=insecure"\n',
        )
        assert try_channel("hook") == "hook: taken. Look whether it arrived."
        assert try_channel("mail") == "mail: taken. Look whether it arrived."
        assert SIGNATURE.lower() in http.requests[0].headers
        assert mail.mails[0]["Subject"] == "【提醒】渠道测试"
        http.always = Answer(401, body=b"who are you")
        with pytest.raises(MeterwatchError, match="hook: answered 401 Unauthorized; final"):
            try_channel("hook")


def test_a_test_of_what_is_not_there_says_what_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(tmp_path, monkeypatch, '[channels.hook]\nkind = "webhook"\nurl = "https://example.org"\n')
    with pytest.raises(SettingsError, match="there is hook"):
        try_channel("hok")
    with pytest.raises(SettingsError, match="needs no test"):
        try_channel("desk")


def test_the_doctor_reads_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> str:
        (finding,) = [each for each in doctor(load_settings(), None) if each.part == "notify"]
        return finding.line()

    monkeypatch.setenv("METERWATCH_DATABASE_URL", f"sqlite:///{tmp_path}/state.sqlite")
    assert said().startswith("off")
    plan(tmp_path, monkeypatch, '[channels.hook]\nkind = "webhook"\nurl = "https://example.org"\n')
    assert said().startswith("ok     notify")
    assert "desk, hook; no [[on_call]]" in said()
    plan(tmp_path, monkeypatch, "[channels.hook]\n")
    assert said().startswith("FAILED notify")


@pytest.mark.usefixtures("store")
def test_the_doctor_counts_what_was_refused_for_good() -> None:
    (outbox,) = [each for each in doctor(load_settings(), None) if each.part == "outbox"]
    assert outbox.text.startswith("2 notifications were refused for good")
