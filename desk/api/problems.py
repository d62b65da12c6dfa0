"""What the API says when it refuses: problem details (RFC 9457), one kind each, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from metering.errors import IllegalMove, MeterwatchError, NotFound, StaleVersion, StoreError, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
#: Where each kind is explained; the address is relative to the API's own.
EXPLAINED_AT = "/api/v1/docs#problem-{slug}"
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Kind:
    status: int
    title: str
    what_to_do: str


KINDS: Mapping[str, Kind] = {
    "no-token": Kind(401, "No token that is good", "Send `Authorization: Bearer mw_...`; `meterwatch token add` makes one."),
    "not-allowed": Kind(403, "This token may not do that", "Ask for a token with the scope that `needs` names."),
    "not-found": Kind(404, "Nothing has this number", "Look the number up in the list."),
    "no-such-address": Kind(404, "There is no such address", "Every address stands at /api/v1/docs."),
    "method": Kind(405, "This address knows no such method", "Every address and its methods stand at /api/v1/docs."),
    "stale": Kind(409, "Somebody else acted first", "Read it again, then decide again with the version you read."),
    "not-possible": Kind(409, "Not possible from where it stands", "Read it again; `possible_acts` says what can be done."),
    "still-working": Kind(409, "The first request with this key is not answered yet", "Send the same again in a moment."),
    "too-large": Kind(413, "The body is too large", "Send it in smaller parts."),
    "invalid": Kind(422, "The request cannot be understood", "Mend what `errors` or `detail` names, then send it again."),
    "key-reused": Kind(422, "This idempotency key came with another request", "Take a new key for a new request."),
    "store": Kind(500, "The store refuses", "The log of the desk says why; repeating will not help."),
    "unavailable": Kind(503, "The store cannot be reached just now", "Nothing was changed: send the same again after `Retry-After`."),
}  # fmt: skip


class Refused(MeterwatchError):
    """A request that is answered with a problem of `slug`; `more` are members of its own, as RFC 9457 allows."""

    def __init__(self, slug: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.slug, self.more = slug, more


def problem_of(error: MeterwatchError) -> tuple[str, str, Mapping[str, Any]]:
    """(slug, detail, members of its own) of what was raised."""
    match error:
        case Refused():
            return error.slug, str(error), error.more
        case StaleVersion():
            slug = "stale"
        case NotFound():
            slug = "not-found"
        case IllegalMove():
            slug = "not-possible"
        case StoreUnavailable():
            slug = "unavailable"
        case StoreError():
            slug = "store"
        case _:
            slug = "invalid"
    return slug, str(error), {}


def answer(slug: str, detail: str, instance: str, more: Mapping[str, Any] | None = None) -> JSONResponse:
    kind = KINDS[slug]
    body = {
        "type": EXPLAINED_AT.format(slug=slug),
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "what_to_do": kind.what_to_do,
        **(more or {}),
    }
    headers = {}
    if slug == "no-token":
        headers["WWW-Authenticate"] = 'Bearer realm="meterwatch"'
    if slug == "unavailable":
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return JSONResponse(body, kind.status, headers, MEDIA_TYPE)


def faults_of(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """pydantic's errors as (where, what); what was sent is not sent back.

    >>> faults_of([{"loc": ("body", "note"), "msg": "Field required", "input": {"secret": 1}}])
    [{'where': 'body.note', 'what': 'Field required'}]
    """
    return [{"where": ".".join(map(str, e["loc"])), "what": str(e["msg"])} for e in errors]
