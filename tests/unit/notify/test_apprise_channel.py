"""Apprise against real servers: what arrives, what its failures are, and that its URL stays a secret."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest

from metering.errors import NotSent, SettingsError
from notify.apprise_channel import AppriseChannel
from notify.signature import KEY
from notify.texts import Writer
from tests.unit.notify.made_notifications import CALENDAR, WRITER, line, notification
from tests.unit.notify.receivers import Answer, HttpReceiver, MailReceiver

PAGE = notification(12)


def by_mail(mailbox: MailReceiver, writer: Writer = WRITER) -> AppriseChannel:
    at = f"127.0.0.1:{mailbox.port}"
    return AppriseChannel(f"mailto://{at}?from=meterwatch@example.org&to=night-crew@example.org&mode=insecure", writer)


def by_http(receiver: HttpReceiver) -> AppriseChannel:
    return AppriseChannel(f"json://robot:s3cret-token@127.0.0.1:{receiver.port}/hook", WRITER)


def refusal(channel: AppriseChannel) -> NotSent:
    with pytest.raises(NotSent) as caught:
        channel.send(PAGE)
    return caught.value


def test_a_mail_arrives_with_its_key_title_and_lines(mailbox: MailReceiver) -> None:
    by_mail(mailbox).send(PAGE)
    (mail,) = mailbox.mails
    assert mail[KEY] == PAGE.notification_id
    assert mail["Subject"] == "URGENT: TA-0012, suspected neutral lost or badly connected"
    assert mail["To"] == "night-crew@example.org"
    assert mail.get_content().splitlines() == [
        "TA-0012 · suspected neutral lost or badly connected · high · since 20:12 · a-000000000000000c",
        "https://desk.example.org/alerts/a-000000000000000c",
    ]


def test_chinese_arrives_as_it_was_written(mailbox: MailReceiver) -> None:
    by_mail(mailbox, Writer(CALENDAR, "zh")).send(PAGE)
    (mail,) = mailbox.mails
    assert mail["Subject"] == "【紧急】TA-0012，疑似中性线断线或接触不良"
    assert "疑似中性线断线或接触不良 · 高 · 20:12起" in mail.get_content()


def test_two_in_a_row_do_not_wait_for_each_other(mailbox: MailReceiver) -> None:
    channel = by_mail(mailbox)
    channel.send(PAGE)
    channel.send(notification(13))
    assert mailbox.seen == {PAGE.notification_id, notification(13).notification_id}


@pytest.mark.parametrize(
    ("said", "recoverable"), [("451 try later", True), ("421 too busy", True), ("550 no such user", False)]
)
def test_a_mail_server_says_whether_it_may_pass(mailbox: MailReceiver, said: str, recoverable: bool) -> None:
    mailbox.refusal = said
    error = refusal(by_mail(mailbox))
    assert error.recoverable is recoverable
    assert said[:3] in str(error)
    assert "example.org" not in str(error)


@pytest.mark.parametrize(("status", "recoverable"), [(500, True), (429, True), (404, False), (401, False)])
def test_a_service_says_whether_it_may_pass(receiver: HttpReceiver, status: int, recoverable: bool) -> None:
    receiver.always = Answer(status)
    error = refusal(by_http(receiver))
    assert error.recoverable is recoverable
    assert str(status) in str(error)


def test_a_redirect_is_not_followed(receiver: HttpReceiver) -> None:
    receiver.answers.append(Answer(307, {"Location": receiver.url}))
    assert not refusal(by_http(receiver)).recoverable
    assert not receiver.taken


class Written(logging.Handler):
    """What a log on standard error would hold."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage()


@pytest.fixture
def written() -> Iterator[Written]:
    handler, root = Written(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def test_nobody_there_may_pass_and_neither_log_nor_reason_tells_the_url(written: Written) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = refusal(AppriseChannel(f"json://robot:s3cret-token@127.0.0.1:{port}/hook-of-crew", WRITER))
    assert error.recoverable
    assert str(error) == "A Connection error occurred sending JSON notification to …."
    for secret in ("s3cret-token", "hook-of-crew"):
        assert secret not in written.text


@pytest.mark.parametrize("url", ["nonsense", "foo://s3cret", "mailto://s3cret"])
def test_a_url_that_apprise_cannot_use_is_refused_without_telling_it(url: str, written: Written) -> None:
    with pytest.raises(SettingsError) as caught:
        AppriseChannel(url, WRITER)
    assert "s3cret" not in str(caught.value) + written.text


def test_a_long_message_is_cut_at_a_line_so_that_no_service_refuses_it(receiver: HttpReceiver) -> None:
    many = notification(1, lines=[line(n) for n in range(300)])
    by_http(receiver).send(many)
    told = receiver.requests[0].json()
    assert len((told["title"] + told["message"]).encode()) <= 2000
    assert "and 28" in told["message"]
