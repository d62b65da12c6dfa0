"""One POST to a receiver, and what its answer means: taken, not now, or never."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

import requests

from metering.errors import NotSent
from notify.answers import is_passing

CONNECT_S, ANSWER_S = 5.0, 10.0
READ_BYTES = 4096
LONGEST_WAIT_S = 3600.0


class Poster:
    """`authorities` is a file of certificate authorities to trust instead of the system's. Redirects are refused: they would
    carry the message to an address that nobody put into the plan."""

    def __init__(
        self, authorities: Path | None = None, answer_s: float = ANSWER_S, clock: Callable[[], float] = time.time
    ) -> None:
        self._answer_s, self._clock = answer_s, clock
        self._session = requests.Session()
        # given with each request: as the session's own, REQUESTS_CA_BUNDLE of the environment would win over it
        self._verify: bool | str = True if authorities is None else str(authorities)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The start of the answer's body where it is 2xx; `NotSent` otherwise, without the address in its text."""
        try:
            with self._session.post(
                url,
                data=body,
                headers={"Content-Type": "application/json", "User-Agent": "Meterwatch", **headers},
                timeout=(CONNECT_S, self._answer_s),
                allow_redirects=False,
                verify=self._verify,
                stream=True,
            ) as answer:
                start = next(answer.iter_content(READ_BYTES), b"")
                _check(answer, self._clock())
                return start
        except requests.exceptions.SSLError as error:
            raise NotSent(f"its certificate is not trusted ({_cause(error)})", recoverable=True) from error
        except requests.exceptions.Timeout as error:
            raise NotSent(f"no answer within {self._answer_s:g} s", recoverable=True) from error
        except requests.exceptions.RequestException as error:
            raise NotSent(f"cannot be reached ({_cause(error)})", recoverable=True) from error


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
    # what a receiver writes may repeat the address it was asked at, and with it a token: only its status is told
    raise NotSent(f"answered {status} {_phrase(status)}".rstrip(), recoverable=recoverable, after_s=after_s)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


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
