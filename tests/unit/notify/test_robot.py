"""DingTalk's and WeCom's robots say in the body whether they took a message: only then it is delivered."""

from __future__ import annotations

import base64
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from metering.errors import NotSent
from notify.robot import DingTalkRobot, WeComRobot
from notify.texts import Writer
from tests.unit.notify.made_notifications import CALENDAR, line, notification
from tests.unit.notify.receivers import Answer, HttpReceiver

CHINESE = Writer(CALENDAR, "zh")
PAGE = notification(12)
SIGNS = "SECx"
TAKEN = Answer(body=b'{"errcode":0,"errmsg":"ok"}')


def refusal(receiver: HttpReceiver, code: int, said: str) -> NotSent:
    receiver.always = Answer(body=json.dumps({"errcode": code, "errmsg": said}).encode())
    with pytest.raises(NotSent) as caught:
        WeComRobot(receiver.url + "?key=k", CHINESE).send(PAGE)
    return caught.value


def test_the_text_is_title_and_lines(receiver: HttpReceiver) -> None:
    receiver.always = TAKEN
    WeComRobot(receiver.url + "?key=k", CHINESE).send(PAGE)
    (request,) = receiver.requests
    told = request.json()
    assert told["msgtype"] == "text"
    assert told["text"]["content"].splitlines()[0] == "【紧急】TA-0012，疑似中性线断线或接触不良"


def test_dingtalk_is_signed_with_the_robots_secret(receiver: HttpReceiver) -> None:
    receiver.always = TAKEN
    DingTalkRobot(receiver.url + "?access_token=t", CHINESE, secret=SIGNS, clock=lambda: 1000.0).send(PAGE)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(receiver.requests[0].path).query).items()}
    digest = hmac.new(b"SECx", b"1000000\nSECx", "sha256").digest()
    assert asked == {"access_token": "t", "timestamp": "1000000", "sign": base64.b64encode(digest).decode()}


def test_dingtalk_without_a_secret_is_not_signed(receiver: HttpReceiver) -> None:
    receiver.always = TAKEN
    DingTalkRobot(receiver.url + "?access_token=t", CHINESE).send(PAGE)
    assert receiver.requests[0].path == "/hook?access_token=t"


@pytest.mark.parametrize(
    ("code", "said"), [(310000, "sign not match"), (310000, "keywords not in content"), (93000, "invalid webhook url")]
)
def test_a_no_with_status_200_is_no_delivery(receiver: HttpReceiver, code: int, said: str) -> None:
    error = refusal(receiver, code, said)
    assert not error.recoverable
    assert str(error) == f"answered errcode {code}", "its words may repeat the address, and with it the token"


@pytest.mark.parametrize(
    ("code", "said", "after_s"),
    [
        (130101, "send too fast, exceed 20 times per minute", 600.0),
        (45009, "api freq out of limit", 60.0),
        (-1, "system busy", 60.0),
        (77, "Webhook over LIMIT", 60.0),
    ],
)
def test_too_often_passes(receiver: HttpReceiver, code: int, said: str, after_s: float) -> None:
    error = refusal(receiver, code, said)
    assert (error.recoverable, error.after_s) == (True, after_s)


@pytest.mark.parametrize("body", [b"", b"<html>sign in</html>", b"[]", b'{"ok":true}', b'{"errcode":"x"}'])
def test_what_no_robot_says_is_no_delivery(receiver: HttpReceiver, body: bytes) -> None:
    receiver.always = Answer(body=body)
    with pytest.raises(NotSent, match="what no robot says"):
        WeComRobot(receiver.url, CHINESE).send(PAGE)


def test_a_long_message_stays_within_what_wecom_takes(receiver: HttpReceiver) -> None:
    receiver.always = TAKEN
    WeComRobot(receiver.url, Writer(CALENDAR, "zh", most_lines=100)).send(
        notification(1, lines=[line(n) for n in range(300)])
    )
    assert len(receiver.requests[0].json()["text"]["content"].encode()) <= 2048
