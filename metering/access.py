"""Who may call the monitor from outside: tokens that name a person, a role and scopes; only their hashes are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal["alerts:read", "alerts:handle", "silences:write", "tasks:read", "curves:read", "intake", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

#: What each scope allows; `admin` includes all others.
SCOPE_MEANINGS: Mapping[Scope, str] = {
    "alerts:read": "read alerts, silences, other monitors' alerts and their history, without the names and words of staff",
    "alerts:handle": "acknowledge, assign, comment and hand over alerts; read who did, and look a customer's alerts up",
    "silences:write": "make and end silences",
    "tasks:read": "read inspection tasks and findings",
    "curves:read": "read load curves of meters and balances of areas; every look leaves a line in the audit trail `curves`",
    "intake": "send other monitors' alerts in",
    "admin": "everything",
}

#: What a role may do where a token names no scopes of its own.
ROLES: Mapping[str, tuple[Scope, ...]] = {
    "reader": ("alerts:read", "tasks:read"),
    "operator": ("alerts:read", "alerts:handle", "silences:write", "tasks:read", "curves:read"),
    "monitor": ("intake",),
    "admin": ("admin",),
}


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is stored. Times are epoch seconds by the wall clock; `secret_hash` cannot be turned back."""

    token_id: str
    secret_hash: str
    person: str
    role: str
    scopes: tuple[str, ...]
    made_at_s: int
    made_by: str
    expires_at_s: int | None = None
    revoked_at_s: int | None = None
    revoked_by: str | None = None

    def is_good(self, now_s: int) -> bool:
        """Whether it opens anything at `now_s`."""
        return self.revoked_at_s is None and (self.expires_at_s is None or now_s < self.expires_at_s)


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What was answered to a request that carried an idempotency key; `status` is None while it is still worked on."""

    key_hash: str
    request_hash: str
    asked_at_s: int
    status: int | None = None
    body: str | None = None
