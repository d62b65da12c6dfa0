"""Cursors: the place in a list where a page ended, as a word to be sent back as it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import orjson
from fastapi import Query

from desk.api.problems import Refused

MOST_ROWS, ROWS = 200, 50
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="rows of a page")]
CursorText = Annotated[str, Query(max_length=1000, description="`next` or `previous` of another page, as it was given")]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Beside the row with this `value` (of the order `sort`) and `key`; `backwards`: before it."""

    sort: str
    value: str | float
    key: str
    backwards: bool = False

    def text(self) -> str:
        told = orjson.dumps([self.sort, self.value, self.key, self.backwards])
        return base64.urlsafe_b64encode(told).decode().rstrip("=")


def cursor_of(text: str, sort: str) -> Cursor | None:
    """None for the first page. Raises `Refused` for what is no cursor of a list in this order."""
    if not text:
        return None
    try:
        told = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError) as error:
        raise Refused("invalid", "this cursor is none of ours: send `next` or `previous` as they were given") from error
    match told:
        case [str(of), str() | int() | float() as value, str(key), bool(backwards)]:
            if of == sort:
                return Cursor(of, value, key, backwards)
            raise Refused("invalid", f"this cursor is of a list in the order {of!r}: begin at the first page")
    raise Refused("invalid", "this cursor is none of ours: send `next` or `previous` as they were given")


def beside(
    rows: Sequence[Item],
    here: Cursor | None,
    *,
    more: bool,
    sort: str,
    place: Callable[[Item], tuple[str | float, str]],
) -> tuple[str | None, str | None]:
    """(next, previous) of a page that was read at `here`, with `more` rows beyond it in the direction of reading."""
    if not rows:
        return None, None
    backwards = here is not None and here.backwards
    has_next, has_previous = (True, more) if backwards else (more, here is not None)
    return (
        Cursor(sort, *place(rows[-1])).text() if has_next else None,
        Cursor(sort, *place(rows[0]), backwards=True).text() if has_previous else None,
    )


def sliced(
    found: Sequence[Item], text: str, limit: int, *, sort: str, key: Callable[[Item], str]
) -> tuple[Sequence[Item], str | None, str | None]:
    """(a page, next, previous) of a list that is in memory in its order; its cursor is the row's key."""
    here = cursor_of(text, sort)
    keys = [key(item) for item in found]
    begin = 0
    if here is not None:
        if here.key not in keys:
            raise Refused("invalid", "the row of this cursor is not in the list any more: begin at the first page")
        spot = keys.index(here.key)
        begin = max(0, spot - limit) if here.backwards else spot + 1
        limit = min(limit, spot) if here.backwards else limit
    rows = found[begin : begin + limit]
    if not rows:
        return rows, None, None
    return (
        rows,
        Cursor(sort, 0, key(rows[-1])).text() if begin + len(rows) < len(found) else None,
        Cursor(sort, 0, key(rows[0]), backwards=True).text() if begin else None,
    )
