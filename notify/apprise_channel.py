"""A channel of anything Apprise speaks: mail, Feishu, Slack, Teams, Telegram and many more, by one URL that holds its secrets.

Apprise keeps to itself why something failed; its log says it, and its log may hold the URL. So its log goes nowhere but here,
and what is kept of it has every part of the URL taken out.
"""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from urllib.parse import unquote

import apprise
from apprise.common import OverflowMode, PersistentStoreMode
from apprise.plugins.base import NotifyBase

from metering.errors import NotSent, SettingsError
from metering.notification import Notification
from notify.answers import is_passing
from notify.signature import KEY
from notify.texts import MOST_BYTES, Message, Writer

SEND_S = 30.0
SHOWN = 160
_HTTP_ERROR = re.compile(r"error=(\d{3})\b")
_MAIL_ERROR = re.compile(r"\((\d{3}), b?['\"]")
_TYPE = {"page": apprise.NotifyType.FAILURE, "morning": apprise.NotifyType.WARNING, "none": apprise.NotifyType.INFO}


class AppriseChannel:
    """One service. Raises `SettingsError` for a URL that Apprise does not know; the URL itself is never in a text."""

    def __init__(self, url: str, writer: Writer, *, answer_s: float = SEND_S) -> None:
        _keep_log_in()
        self._url, self._writer = url, writer
        self._asset = apprise.AppriseAsset(
            app_id="Meterwatch",
            app_desc="Meterwatch",
            async_mode=False,
            http_redirects=False,
            storage_mode=PersistentStoreMode.MEMORY,
            pgp_autogen=False,
            pem_autogen=False,
            allow_templates=False,
            service_timeout=answer_s,
        )
        self.service = str(self._opened().service_name)

    def send(self, notification: Notification) -> None:
        # opened anew each time: Apprise would pause between two messages of the same object, and it keeps state
        opened = self._opened()
        if isinstance(headers := getattr(opened, "headers", None), dict):
            headers[KEY] = notification.notification_id
        sending = apprise.Apprise(asset=self._asset)
        sending.add(opened)
        message = self._fitting(notification, opened)
        sent = sending.notify(
            title=message.title,
            body=message.body,
            notify_type=_TYPE[notification.urgency],
            body_format=apprise.NotifyFormat.TEXT,
            log_level=logging.DEBUG,
        )
        if not sent:
            raise _reason([entry.message for entry in sent.logs()], self._url)

    def _opened(self) -> NotifyBase:
        opened = apprise.Apprise.instantiate(self._url, asset=self._asset)
        if not isinstance(opened, NotifyBase):
            raise SettingsError(
                "its url is none that Apprise can use: see the service's page of the Apprise documentation"
            )
        opened.overflow_mode = OverflowMode.TRUNCATE
        return opened

    def _fitting(self, notification: Notification, opened: NotifyBase) -> Message:
        return self._writer.write(notification, most_bytes=min(MOST_BYTES, int(opened.body_maxlen)))


def _keep_log_in() -> None:
    """Nothing of Apprise's log goes anywhere, and all of it is there for `notify` to capture."""
    log = logging.getLogger("apprise")
    log.propagate = False
    log.setLevel(logging.DEBUG)


def _reason(log: list[str], url: str) -> NotSent:
    """What Apprise's log says of a failure. Final only where the service itself refused for good."""
    text = " ".join(log)
    http, mail = _HTTP_ERROR.search(text), _MAIL_ERROR.search(text)
    final = (http is not None and not is_passing(int(http[1]))) or (
        mail is not None and int(mail[1]) >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
    told = [entry for entry in log if _HTTP_ERROR.search(entry) or "ailed" in entry or "onnection" in entry]
    said = f"{told[0] if told else 'not taken'}" + (f" ({mail[1]})" if mail is not None else "")
    return NotSent(without(" ".join(said.split()), url)[:SHOWN], recoverable=not final)


def without(text: str, url: str) -> str:
    """`text` without any part of `url`.

    >>> without('Sending to "night@example.org" by 10.0.0.7 failed', "mailto://bob:pw@10.0.0.7/night%40example.org")
    'Sending to "…" by … failed'
    """
    _, _, rest = url.partition("://")
    whole = [part for part in re.split(r"[/?&=:]", rest) if part]
    parts = {piece for part in whole for piece in (part, unquote(part), *re.split("[@+,;]", unquote(part)))}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) > 1:
            text = text.replace(part, "…")
    return text
