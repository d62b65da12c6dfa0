"""State as pages: named NumPy arrays packed into bytes, in groups that change together.

A page of arrays is a little JSON header (schema, names, types, shapes) and the raw bytes behind it; nothing is
executed on reading. River models have no such form: `pack_model` pickles them behind the same schema tag, so a page of
another version is refused by name before anything is unpickled. Pages come from our own store, never from the log.
"""

from __future__ import annotations

import json
import math
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.errors import StoreError

_LENGTH = struct.Struct("<I")


def _wrong(schema: str, found: str) -> StoreError:
    return StoreError(
        f"a state page holds {found}, not {schema}: it is of another version; `meterwatch state reset AREA`"
    )


def _with_header(header: Mapping[str, object], body: bytes) -> bytes:
    head = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return _LENGTH.pack(len(head)) + head + body


def _header_of(page: bytes, schema: str) -> tuple[dict[str, Any], int]:
    try:
        (length,) = _LENGTH.unpack_from(page)
        header = json.loads(page[_LENGTH.size : _LENGTH.size + length])
        found = header["schema"]
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise _wrong(schema, "something unreadable") from error
    if found != schema:
        raise _wrong(schema, repr(found))
    return header, _LENGTH.size + length


def pack_arrays(schema: str, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Named arrays as bytes; equal arrays give equal bytes.

    >>> page = pack_arrays("example/1", {"zero_minutes": np.array([15, 0], dtype=np.int32)})
    >>> len(page), unpack_arrays("example/1", page)["zero_minutes"].tolist()
    (72, [15, 0])
    """
    columns = {name: [array.dtype.str, list(array.shape)] for name, array in sorted(arrays.items())}
    body = b"".join(np.ascontiguousarray(arrays[name]).tobytes() for name in columns)
    return _with_header({"schema": schema, "arrays": columns}, body)


def unpack_arrays(schema: str, page: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a page (own copies). Raises `StoreError` where the page is of another schema or cut short."""
    header, offset = _header_of(page, schema)
    arrays: dict[str, NDArray[Any]] = {}
    for name, (kind, shape) in header["arrays"].items():
        dtype = np.dtype(kind)
        count = math.prod(shape)
        if len(page) < offset + count * dtype.itemsize:
            raise _wrong(schema, "too few bytes")
        arrays[name] = np.frombuffer(page, dtype, count, offset).reshape(shape).copy()
        offset += count * dtype.itemsize
    return arrays


def is_of(schema: str, page: bytes) -> bool:
    """Whether the page was packed under this schema, and can be read: for a model that reads pages of an older version, too."""
    try:
        _header_of(page, schema)
    except StoreError:
        return False
    return True


def pack_model(schema: str, model: object) -> bytes:
    return _with_header({"schema": schema}, pickle.dumps(model, protocol=5))


def unpack_model(schema: str, page: bytes) -> Any:
    """The pickled model of a page. Raises `StoreError` where the page is of another schema or cut short."""
    _, offset = _header_of(page, schema)
    try:
        return pickle.loads(page[offset:])  # noqa: S301 - our own pages, checked by schema
    except (pickle.UnpicklingError, EOFError) as error:
        raise _wrong(schema, "too few bytes") from error


def only_page(schema: str, name: str, pages: Mapping[str, bytes]) -> bytes | None:
    """The page of a model that has no other; None where nothing was ever saved. Raises `StoreError` where a page has another name."""
    for found in pages:
        if found != name:
            raise _wrong(schema, f"a page named {found!r}")
    return pages.get(name)


@dataclass(frozen=True, slots=True)
class Slab:
    """One array of state: its shape, type and what it holds before anything was learnt."""

    shape: tuple[int, ...]
    dtype: type[np.generic]
    start: float = 0.0

    def fresh(self) -> NDArray[Any]:
        return np.full(self.shape, self.start, dtype=self.dtype)


class StatePages:
    """A detector's arrays by page, changed in place; `touch` a page after changing it.

    A page never touched is not dumped; `load` starts from fresh arrays, so what is absent is as it was at the start.
    """

    def __init__(self, schema: str, layout: Mapping[str, Mapping[str, Slab]]) -> None:
        self._schema = schema
        self._layout = layout
        self._blocks = {page: _blocks(slabs) for page, slabs in layout.items()}
        self._arrays = {page: _rows_of(blocks) for page, blocks in self._blocks.items()}
        self._used: set[str] = set()
        self._dirty: set[str] = set()

    def array(self, page: str, name: str) -> NDArray[Any]:
        return self._arrays[page][name]

    def block(self, page: str, first: str, last: str) -> NDArray[Any]:
        """Arrays of one shape and type that follow each other in the layout, as one array (names, ...)."""
        for names, block in self._blocks[page]:
            if first in names:
                found: NDArray[Any] = block[names.index(first) : names.index(last) + 1]
                return found
        raise KeyError(first)

    def touch(self, page: str) -> None:
        self._used.add(page)
        self._dirty.add(page)

    @property
    def used(self) -> frozenset[str]:
        """Pages that were touched or loaded: what `dump` gives."""
        return frozenset(self._used)

    @property
    def nbytes(self) -> int:
        return sum(a.nbytes for arrays in self._arrays.values() for a in arrays.values())

    def dump(self) -> dict[str, bytes]:
        return {page: self._pack(page) for page in sorted(self._used)}

    def dump_dirty(self) -> dict[str, bytes]:
        dirty, self._dirty = self._dirty, set()
        return {page: self._pack(page) for page in sorted(dirty)}

    def load(self, pages: Mapping[str, bytes]) -> None:
        """Raises `StoreError` where a page is unknown, of another schema, or of another number of meters."""
        self._used, self._dirty = set(pages), set()
        for page, slabs in self._layout.items():
            for name, slab in slabs.items():
                self._arrays[page][name][...] = slab.fresh()
        for page, content in pages.items():
            if page not in self._layout:
                raise _wrong(self._schema, f"a page named {page!r}")
            arrays = unpack_arrays(self._schema, content)
            for name, slab in self._layout[page].items():
                found = arrays.get(name)
                if found is None or found.shape != slab.shape or found.dtype != slab.dtype:
                    raise _wrong(self._schema, f"{name!r} of another size (meters were added or removed)")
                self._arrays[page][name][...] = found

    def _pack(self, page: str) -> bytes:
        return pack_arrays(self._schema, self._arrays[page])


_Blocks = list[tuple[list[str], NDArray[Any]]]


def _blocks(slabs: Mapping[str, Slab]) -> _Blocks:
    """Neighbours of one shape and type lie in one array, so that a rule may change all of them at once."""
    blocks: _Blocks = []
    for (shape, dtype), group in groupby(slabs.items(), key=lambda named: (named[1].shape, named[1].dtype)):
        names, alike = zip(*group, strict=True)
        block = np.empty((len(names), *shape), dtype=dtype)
        for row, slab in zip(block, alike, strict=True):
            row[...] = slab.start
        blocks.append((list(names), block))
    return blocks


def _rows_of(blocks: _Blocks) -> dict[str, NDArray[Any]]:
    return {name: row for names, block in blocks for name, row in zip(names, block, strict=True)}
