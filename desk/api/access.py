"""Who calls the API: a token from outside, or the desk in the same process; what they may do, and what was refused them."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from desk.api.problems import Refused
from desk.records import Records
from desk.visit import NAME_LENGTH
from metering.access import ROLES, Scope
from metering.errors import StoreError, StoreUnavailable
from metering.inspection import AuditEntry
from operations.api_tokens import token_shown

access_log = logging.getLogger("meterwatch.access")
#: The audit trail of acts that were refused, and of what other monitors sent.
TRAIL = "api"
PERSON_HEADER = "X-Desk-Person"
DESK_SCHEME = "desk"
#: What a person at the desk may do until desks have accounts.
DESK_ROLE = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `person` is the name that acts are signed with; `token_id` is empty for the desk itself."""

    person: str
    role: str
    scopes: tuple[str, ...]
    token_id: str = ""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    @property
    def sees_names(self) -> bool:
        """Whether names and words of staff are shown."""
        return self.may("alerts:handle")


@dataclass(frozen=True, slots=True)
class Parts:
    """What every address of the API works with. `desk_key` is known in this process only; `wall` is the network's clock."""

    records: Records
    wall: Callable[[], float] = time.time
    desk_key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def wall_s(self) -> int:
        return int(self.wall())


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


PartsOf = Annotated[Parts, Depends(parts_of)]
_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="`mw_...`, made by `meterwatch token add`")


def caller_of(request: Request, parts: PartsOf, _documented: Annotated[Any, Security(_BEARER)] = None) -> Caller:
    """Who shows the token of this request. Raises `Refused`."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == DESK_SCHEME and compare_digest(shown.encode(), parts.desk_key.encode()):
        name = unquote(request.headers.get(PERSON_HEADER, "")).strip()[:NAME_LENGTH]
        return _known(request, Caller(name, DESK_ROLE, ROLES[DESK_ROLE]))
    if scheme.lower() != "bearer":
        raise Refused("no-token", "this address needs a token")
    token = token_shown(parts.records.store, shown.strip(), parts.wall_s())
    if token is None:
        access_log.warning(
            "refused: %s %s: a token that is unknown, expired or revoked", request.method, request.url.path
        )
        raise Refused("no-token", "this token is unknown, expired or revoked")
    return _known(request, Caller(token.person, token.role, token.scopes, token.token_id))


def _known(request: Request, caller: Caller) -> Caller:
    request.state.caller = caller
    return caller


CallerOf = Annotated[Caller, Depends(caller_of)]


def scoped(scope: Scope) -> dict[str, Any]:
    """What a route's decorator takes so that only callers with `scope` reach it, and the documentation says so."""

    def check(request: Request, caller: CallerOf) -> None:
        if not caller.may(scope):
            raise Refused(
                "not-allowed", f"this needs the scope {scope}; the token has {', '.join(caller.scopes)}", needs=scope
            )

        _check_parameters(request)

    return {"dependencies": [Depends(check)], "openapi_extra": {"x-scope": scope}}


def _check_parameters(request: Request) -> None:
    """A filter that is misspelt must not give all rows."""
    told = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = [each["name"] for each in told.get("parameters", ()) if each["in"] == "query"]
    strange = sorted(set(request.query_params) - set(known))
    if strange:
        raise Refused("invalid", f"there is no parameter {strange[0]!r} here; there are {', '.join(known) or 'none'}")


def remember_refusal(request: Request, slug: str, detail: str) -> None:
    """A refused act lies in the audit trail, every refused request in the access log. Reading leaves no line in the trail."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        return
    path, parts = request.url.path, parts_of(request)
    access_log.warning(
        "refused: %s %s for %s (%s %s): %s", request.method, path, caller.person, caller.role, caller.token_id, slug
    )
    if request.method == "GET":
        return
    line = AuditEntry(TRAIL, parts.records.now_s(), caller.person or "unnamed", "refused", path, slug, detail)
    try:
        parts.records.store.append_audit(line)
    except (StoreUnavailable, StoreError) as trouble:
        access_log.warning("the refusal could not be put into the audit trail: %s", trouble)
