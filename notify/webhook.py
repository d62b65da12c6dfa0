"""The signed webhook: one POST a notification, in Alertmanager's format, with a key by which a receiver knows it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from metering.notification import Notification
from notify.alertmanager import payload
from notify.post import ANSWER_S, Poster
from notify.signature import KEY, SIGNATURE, TIMESTAMP, sign
from notify.texts import Writer


class Webhook:
    """One receiver. `secrets`: the first signs, and so does the second while one is changed; none = not signed."""

    def __init__(
        self,
        url: str,
        writer: Writer,
        *,
        secrets: Sequence[str] = (),
        authorities: Path | None = None,
        answer_s: float = ANSWER_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url, self._writer, self._secrets, self._clock = url, writer, tuple(secrets), clock
        self._poster = Poster(authorities, answer_s, clock)

    def send(self, notification: Notification) -> None:
        body, now_s = orjson.dumps(payload(notification, self._writer)), int(self._clock())
        headers = {KEY: notification.notification_id, TIMESTAMP: str(now_s)}
        if self._secrets:
            headers[SIGNATURE] = sign(self._secrets, now_s, body)
        self._poster.post(self._url, body, headers)
