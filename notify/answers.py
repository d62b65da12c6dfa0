"""Which HTTP answers may be another one tomorrow."""

from __future__ import annotations

from http import HTTPStatus

_PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.LOCKED, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


def is_passing(status: int) -> bool:
    """
    >>> [status for status in (301, 400, 404, 408, 423, 425, 429, 500, 503) if is_passing(status)]
    [408, 423, 425, 429, 500, 503]
    """
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING
