"""`token add | list | revoke`: who may call the API of the desk over this store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from metering.access import ApiToken
from metering.times import iso
from monitor.state import settings_of
from monitor.stores import open_existing_store
from operations.api_tokens import add_token, revoke_token
from storage.sql import SqlStore


@contextmanager
def _store(run: Path | None) -> Iterator[SqlStore]:
    store = open_existing_store(settings_of(run))
    try:
        yield store
    finally:
        store.close()


def add(person: str, role: str, scopes: Sequence[str], days: int | None, by: str, run: Path | None) -> Iterator[str]:
    """The token's line, then the token itself, which is shown this once."""
    with _store(run) as store:
        now_s = int(time.time())
        token, shown = add_token(store, person=person, role=role, scopes=scopes, days=days, by=by, now_s=now_s)
        yield _line(token, now_s)
        yield shown


def every(run: Path | None) -> Iterator[str]:
    with _store(run) as store:
        tokens, now_s = store.tokens(), int(time.time())
        if not tokens:
            yield "there are no tokens: nobody but the desk itself calls the API"
        yield from (_line(token, now_s) for token in tokens)


def revoke(token_id: str, by: str, reason: str, run: Path | None) -> str:
    with _store(run) as store:
        now_s = int(time.time())
        return _line(revoke_token(store, token_id, by=by, reason=reason, now_s=now_s), now_s)


def _line(token: ApiToken, now_s: int) -> str:
    if token.revoked_at_s is not None:
        state = f"revoked {iso(token.revoked_at_s)} by {token.revoked_by}"
    elif token.expires_at_s is None:
        state = "good until it is revoked"
    else:
        state = f"{'good until' if token.is_good(now_s) else 'expired'} {iso(token.expires_at_s)}"
    scopes = " ".join(token.scopes)
    return f"{token.token_id}  {token.person}, {token.role} ({scopes}), made {iso(token.made_at_s)} by {token.made_by}, {state}"
