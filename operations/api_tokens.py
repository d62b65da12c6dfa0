"""Use cases: a token for a caller from outside is made, looked at, and taken back.

A token is `mw_<id>_<secret>`. The secret is 32 random bytes, shown once; only its hash is stored, so that whoever reads the
store can call nothing. Times are by the wall clock: a token is the network's business, not the log's.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from hmac import compare_digest

from metering.access import ROLES, SCOPES, ApiToken
from metering.errors import MeterwatchError, NotFound
from metering.inspection import AuditEntry
from metering.ports import StateStore
from metering.times import DAY_S

TRAIL = "api tokens"
PREFIX = "mw"
SECRET_BYTES = 32


def add_token(
    store: StateStore, *, person: str, role: str, scopes: Sequence[str], days: int | None, by: str, now_s: int
) -> tuple[ApiToken, str]:
    """(the token as it is stored, what its owner shows). `scopes` empty: what the role allows.

    Raises `MeterwatchError` where a name is missing, or a role, scope or duration is none.
    """
    person, by = person.strip(), by.strip()
    if not person or not by:
        raise MeterwatchError("a token needs the name of the person or system it stands for, and of who makes it")
    if role not in ROLES:
        raise MeterwatchError(f"there is no role {role!r}; there are {', '.join(ROLES)}")
    strange = [scope for scope in scopes if scope not in SCOPES]
    if strange:
        raise MeterwatchError(f"there is no scope {strange[0]!r}; there are {', '.join(SCOPES)}")
    if days is not None and days < 1:
        raise MeterwatchError("a token lasts at least a day")
    token_id, secret = secrets.token_hex(5), secrets.token_urlsafe(SECRET_BYTES)
    expires_at_s = None if days is None else now_s + days * DAY_S
    token = ApiToken(
        token_id, _hash(secret), person, role, tuple(scopes) or ROLES[role], now_s, by, expires_at_s=expires_at_s
    )
    store.save_token(token)
    store.append_audit(_audit(token, by, now_s, "add", " ".join(token.scopes)))
    return token, f"{PREFIX}_{token_id}_{secret}"


def revoke_token(store: StateStore, token_id: str, *, by: str, reason: str, now_s: int) -> ApiToken:
    """From now on the token opens nothing. Raises `NotFound`, or `MeterwatchError` without a name and a reason."""
    if not by.strip() or not reason.strip():
        raise MeterwatchError("to revoke a token needs a name and a reason")
    token = store.token(token_id)
    if token is None:
        raise NotFound(f"there is no token {token_id!r}; `meterwatch token list` shows them")
    if token.revoked_at_s is not None:
        raise MeterwatchError(f"token {token_id} was revoked by {token.revoked_by} already")
    revoked = replace(token, revoked_at_s=now_s, revoked_by=by.strip())
    store.save_token(revoked)
    store.append_audit(_audit(revoked, by.strip(), now_s, "revoke", "", reason.strip()))
    return revoked


def token_shown(store: StateStore, shown: str, now_s: int) -> ApiToken | None:
    """The token that `shown` is, None where it is none, or none any more."""
    prefix, _, rest = shown.partition("_")
    token_id, _, secret = rest.partition("_")
    if prefix != PREFIX or not token_id or not secret:
        return None
    token = store.token(token_id)
    if token is None or not compare_digest(token.secret_hash, _hash(secret)) or not token.is_good(now_s):
        return None
    return token


def _hash(secret: str) -> str:
    """No slow hash is needed: nobody guesses 32 random bytes."""
    return blake2b(secret.encode(), digest_size=32, person=b"api token").hexdigest()


def _audit(token: ApiToken, by: str, now_s: int, move: str, scopes: str, reason: str = "") -> AuditEntry:
    return AuditEntry(TRAIL, now_s, by, move, token.token_id, f"{token.person} ({token.role}) {scopes}".strip(), reason)
