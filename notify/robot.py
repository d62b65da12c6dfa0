"""Group robots of DingTalk and WeCom. They answer 200 to everything and say in the body whether they took the message; Apprise
looks at the status alone, so a wrong token or a forbidden word would be a page that nobody ever sees. Hence our own.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import orjson

from metering.errors import NotSent
from metering.notification import Notification
from notify.post import ANSWER_S, Poster
from notify.texts import Message, Writer

#: Too often (20 messages a minute at both): DingTalk then stays silent for ten minutes, WeCom until the minute is over.
TOO_OFTEN: Mapping[int, float] = {130101: 600.0, 90030: 600.0, 45009: 60.0, 45033: 60.0}
#: The same in words, for codes change more often than words do.
_PASSING_WORDS = ("too fast", "too many", "too often", "limit", "busy")
_PASSING_WAIT_S = 60.0
_BUSY = -1


class DingTalkRobot:
    """A DingTalk group robot; `url` as the robot's settings show it, `secret` where it signs (it begins with SEC)."""

    def __init__(
        self,
        url: str,
        writer: Writer,
        *,
        secret: str = "",
        authorities: Path | None = None,
        answer_s: float = ANSWER_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url, self._writer, self._secret, self._clock = url, writer, secret, clock
        self._poster = Poster(authorities, answer_s, clock)

    def send(self, notification: Notification) -> None:
        url = self._url if not self._secret else f"{self._url}{_joint(self._url)}{self._signature()}"
        answer = self._poster.post(url, _text(self._writer.write(notification)), {})
        _check(answer)

    def _signature(self) -> str:
        now_ms = int(1000 * self._clock())
        digest = hmac.new(self._secret.encode(), f"{now_ms}\n{self._secret}".encode(), "sha256").digest()
        return f"timestamp={now_ms}&sign={quote_plus(base64.b64encode(digest))}"


class WeComRobot:
    """A WeCom group robot; `url` as the robot's page shows it, with its key."""

    def __init__(
        self,
        url: str,
        writer: Writer,
        *,
        authorities: Path | None = None,
        answer_s: float = ANSWER_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url, self._writer = url, writer
        self._poster = Poster(authorities, answer_s, clock)

    def send(self, notification: Notification) -> None:
        answer = self._poster.post(self._url, _text(self._writer.write(notification)), {})
        _check(answer)


def _text(message: Message) -> bytes:
    return orjson.dumps({"msgtype": "text", "text": {"content": str(message)}})


def _joint(url: str) -> str:
    return "&" if "?" in url else "?"


def _check(answer: bytes) -> None:
    """Raise what the answer's `errcode` means; 0 is well."""
    try:
        told: Any = orjson.loads(answer)
        code, said = int(told["errcode"]), " ".join(str(told.get("errmsg", "")).split())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotSent("answered what no robot says: is its url right?", recoverable=True) from error
    if code == 0:
        return
    passing = code in TOO_OFTEN or code == _BUSY or any(word in said.lower() for word in _PASSING_WORDS)
    wait_s = TOO_OFTEN.get(code, _PASSING_WAIT_S) if passing else None
    # its words may repeat the address, and with it the token: only its code is told
    raise NotSent(f"answered errcode {code}", recoverable=passing, after_s=wait_s)
