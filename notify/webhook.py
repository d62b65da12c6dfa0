"""The signed webhook: one POST a notification, in Alertmanager's format, with a key by which a receiver knows it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

import orjson
import requests

from metering.errors import NotSent
from metering.notification import Notification
from notify.alertmanager import payload
from notify.answers import is_passing
from notify.signature import KEY, SIGNATURE, TIMESTAMP, sign
from notify.texts import Writer

CONNECT_S, ANSWER_S = 5.0, 10.0
#: Of an answer that says no, so much is kept for people to read.
SHOWN = 120
LONGEST_WAIT_S = 3600.0


class Webhook:
    """One receiver. `secrets`: the first signs, and so does the second while one is changed; none = not signed.

    `authorities` is a file of certificate authorities to trust instead of the system's. Redirects are refused: they would
    carry the message to an address that nobody put into the plan.
    """

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
        self._url, self._writer, self._secrets = url, writer, tuple(secrets)
        self._answer_s, self._clock = answer_s, clock
        self._session = requests.Session()
        # given with each request: as the session's own, REQUESTS_CA_BUNDLE of the environment would win over it
        self._verify: bool | str = True if authorities is None else str(authorities)

    def send(self, notification: Notification) -> None:
        body = orjson.dumps(payload(notification, self._writer))
        try:
            with self._session.post(
                self._url,
                data=body,
                headers=self._headers(notification, body),
                timeout=(CONNECT_S, self._answer_s),
                allow_redirects=False,
                verify=self._verify,
                stream=True,
            ) as answer:
                _check(answer, self._clock())
        except requests.exceptions.SSLError as error:
            raise NotSent(f"its certificate is not trusted ({_cause(error)})", recoverable=True) from error
        except requests.exceptions.Timeout as error:
            raise NotSent(f"no answer within {self._answer_s:g} s", recoverable=True) from error
        except requests.exceptions.RequestException as error:
            raise NotSent(f"cannot be reached ({_cause(error)})", recoverable=True) from error

    def _headers(self, notification: Notification, body: bytes) -> dict[str, str]:
        now_s = int(self._clock())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Meterwatch",
            KEY: notification.notification_id,
            TIMESTAMP: str(now_s),
        }
        if self._secrets:
            headers[SIGNATURE] = sign(self._secrets, now_s, body)
        return headers


def _check(answer: requests.Response, now_s: float) -> None:
    status = answer.status_code
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise NotSent(
            f"answered {status}, a redirect, which is not followed: put the final address into the plan",
            recoverable=False,
        )
    recoverable = is_passing(status)
    after_s = retry_after_s(answer.headers.get("Retry-After", ""), now_s) if recoverable else None
    raise NotSent(f"answered {status} {_said(answer)}".rstrip(), recoverable=recoverable, after_s=after_s)


def _said(answer: requests.Response) -> str:
    start = next(answer.iter_content(SHOWN), b"")
    return " ".join(start.decode(errors="replace").split())


def retry_after_s(header: str, now_s: float) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date), an hour at most; None where it says nothing usable.

    >>> retry_after_s("120", 0.0), retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", 30.0), retry_after_s("soon", 0.0)
    (120.0, 30.0, None)
    """
    if header.strip().isdecimal():
        wait_s = float(header)
    else:
        try:
            wait_s = parsedate_to_datetime(header).timestamp() - now_s
        except ValueError:
            return None
    return min(max(wait_s, 0.0), LONGEST_WAIT_S)


def _cause(error: BaseException) -> str:
    """The innermost cause by its kind: the texts of requests carry the address, and an address may carry a token."""
    seen: BaseException = error
    while (inner := _inner(seen)) is not None:
        seen = inner
    return getattr(seen, "verify_message", None) or getattr(seen, "strerror", None) or type(seen).__name__


def _inner(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    nested = next((each for each in error.args if isinstance(each, BaseException)), None)
    return nested or error.__cause__ or error.__context__
