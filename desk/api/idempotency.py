"""A request that carries an `Idempotency-Key` is done once, however often it is sent: the first answer is given again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.responses import Response

from desk.api.access import CallerOf, PartsOf
from desk.api.problems import Refused
from metering.access import ApiAnswer
from metering.ports import StateStore
from metering.times import DAY_S

#: An answer is kept for a day; a request that was never answered (the process died) may be made again after a minute.
KEPT_S, UNANSWERED_S = DAY_S, 60
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Once:
    """Does a request's act at most once."""

    store: StateStore
    key: str | None
    owner: str
    route: str
    now_s: int

    def __call__(self, act: Callable[[], BaseModel], *asked: BaseModel, status: int = 200) -> Response:
        """The answer to `act`; `asked` is what was sent, so that a key is not taken for another request."""
        if self.key is None:
            return _json(act().model_dump_json(), status)
        key_hash = _hash("key", self.owner, self.key)
        request_hash = _hash("request", self.route, *(each.model_dump_json() for each in asked))
        claim = ApiAnswer(key_hash, request_hash, self.now_s)
        before = self.store.claim_answer(
            claim, forget_before_s=self.now_s - KEPT_S, unanswered_before_s=self.now_s - UNANSWERED_S
        )
        if before is not None:
            return _again(before, request_hash)
        try:
            body = act().model_dump_json()
        except Exception:
            self.store.forget_answer(key_hash)
            raise
        self.store.save_answer(ApiAnswer(key_hash, request_hash, self.now_s, status, body))
        return _json(body, status)


def once(
    request: Request,
    parts: PartsOf,
    caller: CallerOf,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=LONGEST_KEY, description="any text of yours; the same request with it is done once"),
    ] = None,
) -> Once:
    owner = caller.token_id or f"desk {caller.person}"
    return Once(parts.records.store, idempotency_key, owner, f"{request.method} {request.url.path}", parts.wall_s())


OnceOf = Annotated[Once, Depends(once)]


def _again(before: ApiAnswer, request_hash: str) -> Response:
    if before.request_hash != request_hash:
        raise Refused("key-reused", "the idempotency key was sent before, with another request")
    if before.status is None or before.body is None:
        raise Refused("still-working", "the request with this idempotency key is being worked on")
    response = _json(before.body, before.status)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _json(body: str, status: int) -> Response:
    return Response(body, status, media_type="application/json")


def _hash(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode(), digest_size=20).hexdigest()
