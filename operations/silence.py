"""Use cases: a person silences a place or a kind for a while, changes that, or ends it early; and what became of each.

A silence keeps alerts from being announced and new inspection tasks from opening. It hides nothing: alerts go on, are shown,
and say so. It rides in the logs of the areas it concerns like every other decision, so that a replay silences the same alerts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace

from metering.archive import Archive, Meter
from metering.catalogue import CATALOGUE, FAMILIES
from metering.errors import MeterwatchError
from metering.identity import identity
from metering.inspection import AuditEntry
from metering.messages import Decision
from metering.ports import StateStore
from metering.silence import LONGEST_S, SILENCE_KINDS, Silence, SilenceKind, silence_of
from metering.times import DAY_S
from operations.move_task import Encode

TRAIL = "silences"
KIND, KIND_CHANGE, KIND_END = "silence", "silence.change", "silence.end"
KINDS = (KIND, KIND_CHANGE, KIND_END)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where and of which kind; None = any. All that is named must match."""

    meter_id: str | None = None
    customer_id: str | None = None
    transformer_area: str | None = None
    feeder: str | None = None
    abnormality: str | None = None
    family: str | None = None

    @property
    def names_a_place(self) -> bool:
        return any(v is not None for v in (self.meter_id, self.customer_id, self.transformer_area, self.feeder))


@dataclass(frozen=True, slots=True)
class SilenceLife:
    """One silence as it stands now, and everything that was done with it, oldest first. `ended` is the early end, if there was one."""

    silence: Silence
    acts: tuple[AuditEntry, ...] = field(default=())
    ended: AuditEntry | None = None

    def in_force(self, at_s: int) -> bool:
        return self.ended is None and self.silence.in_force(at_s)

    def lies_ahead(self, at_s: int) -> bool:
        """Whether it has not begun yet."""
        return self.ended is None and at_s < self.silence.start_s


def add_silence(
    store: StateStore,
    archive: Archive,
    scope: Scope,
    *,
    until_s: int,
    by: str,
    reason: str,
    now_s: int,
    encode: Encode,
    start_s: int | None = None,
    kind: SilenceKind = "silence",
    even_hazards: bool = False,
) -> Silence:
    """Put a silence onto the log of every area it concerns. It begins now, or at `start_s` where that lies ahead.

    Raises `MeterwatchError` where something is missing, unknown, too long or over already.
    """
    start_s = now_s if start_s is None else max(start_s, now_s)
    _check_scope(scope, kind, even_hazards=even_hazards)
    areas, made = _areas_of(archive, scope, start_s, until_s), len(store.audit(TRAIL))
    silence = Silence(
        silence_id=identity(
            KIND, *(str(value or "") for value in asdict(scope).values()), start_s, until_s, now_s, made
        ),
        **asdict(scope),
        start_s=start_s,
        until_s=until_s,
        by=by.strip(),
        reason=reason.strip(),
        kind=kind,
        even_hazards=even_hazards,
        areas=areas,
    )
    _check(silence, archive, now_s)
    _put(store, silence, KIND, silence.by, silence.reason, now_s, encode)
    return silence


def change_silence(
    store: StateStore,
    archive: Archive,
    silence_id: str,
    *,
    by: str,
    reason: str,
    now_s: int,
    encode: Encode,
    until_s: int | None = None,
    even_hazards: bool | None = None,
) -> Silence:
    """Move a silence's end, or let hazards through it or not. Raises `MeterwatchError` as `add_silence` does, or where it is over."""
    if until_s is None and even_hazards is None:
        raise MeterwatchError("say what is to change: another end, or whether it holds hazards back")
    silence = _standing(store, silence_id, now_s)
    changed = replace(
        silence,
        until_s=silence.until_s if until_s is None else until_s,
        even_hazards=silence.even_hazards if even_hazards is None else even_hazards,
    )
    _check_scope(_scope_of(changed), changed.kind, even_hazards=changed.even_hazards)
    _check(replace(changed, by=by.strip(), reason=reason.strip()), archive, now_s)
    _put(store, changed, KIND_CHANGE, by.strip(), reason.strip(), now_s, encode)
    return changed


def end_silence(store: StateStore, silence_id: str, *, by: str, reason: str, now_s: int, encode: Encode) -> Silence:
    """End a silence before its time, or call it off before it begins. Raises `MeterwatchError` where there is none of that id."""
    if not by.strip() or not reason.strip():
        raise MeterwatchError("to end a silence early needs a name and a reason: its author will ask")
    silence = _standing(store, silence_id, now_s)
    _put(store, silence, KIND_END, by.strip(), reason.strip(), now_s, encode)
    return silence


def silence_history(store: StateStore) -> Sequence[SilenceLife]:
    """Every silence there ever was, in the order they were made."""
    lives: dict[str, SilenceLife] = {}
    for entry in store.audit(TRAIL):
        silence = silence_of(json.loads(entry.to_state))
        before = lives.get(silence.silence_id, SilenceLife(silence))
        ended = entry if entry.move == KIND_END else before.ended
        lives[silence.silence_id] = SilenceLife(silence, (*before.acts, entry), ended)
    return list(lives.values())


def silences(store: StateStore, now_s: int, *, also_ahead: bool = False) -> Sequence[Silence]:
    """Those in force at `now_s`, and with `also_ahead` those that begin later, in the order they were made."""
    return [
        life.silence
        for life in silence_history(store)
        if life.in_force(now_s) or (also_ahead and life.lies_ahead(now_s))
    ]


def say_again(store: StateStore, transformer_area: str, now_s: int, encode: Encode) -> int:
    """Put the silences in force or ahead that concern an area onto its log once more, for an area that forgot its state; how many."""
    known = [s for s in silences(store, now_s, also_ahead=True) if transformer_area in s.areas]
    decisions = [
        Decision(
            identity("decision", KIND_CHANGE, s.silence_id, transformer_area, now_s),
            transformer_area, now_s, KIND_CHANGE, s.by, s.silence_id, asdict(s),
        )
        for s in known
    ]  # fmt: skip
    store.record_decisions([], [(d.transformer_area, encode(d)) for d in decisions])
    return len(known)


def silence_in(decision: Decision) -> Silence:
    """The silence that a decision of `KINDS` is about."""
    return silence_of(decision.detail)


def _standing(store: StateStore, silence_id: str, now_s: int) -> Silence:
    found = next((s for s in silences(store, now_s, also_ahead=True) if s.silence_id == silence_id), None)
    if found is None:
        raise MeterwatchError(
            f"no silence {silence_id!r} is in force or ahead; `meterwatch silence list` shows those that are"
        )
    return found


def _scope_of(silence: Silence) -> Scope:
    return Scope(**{each.name: getattr(silence, each.name) for each in fields(Scope)})


def _check_scope(scope: Scope, kind: SilenceKind, *, even_hazards: bool) -> None:
    if kind not in SILENCE_KINDS:
        raise MeterwatchError(f"{kind!r} is no kind of silence; there are {', '.join(SILENCE_KINDS)}")
    if scope.abnormality is not None and scope.abnormality not in CATALOGUE:
        raise MeterwatchError(f"{scope.abnormality!r} is not in the catalogue; its codes are {', '.join(CATALOGUE)}")
    if scope.family is not None and scope.family not in FAMILIES:
        raise MeterwatchError(f"{scope.family!r} is no family; there are {', '.join(FAMILIES)}")
    row = None if scope.abnormality is None else CATALOGUE[scope.abnormality]
    if row is not None and scope.family not in (None, row.family):
        raise MeterwatchError(f"{row.code} is of family {row.family}, not {scope.family}: name one of the two")
    if not scope.names_a_place and (kind != "whitelist" or (scope.abnormality is None and scope.family is None)):
        raise MeterwatchError(
            "name a meter, a customer, a transformer area or a feeder; only a whitelist may go without, "
            "and then names an abnormality or a family"
        )
    if row is not None and row.lane == "hazard" and not even_hazards:
        raise MeterwatchError(
            f"{row.code} is a hazard, which goes through a silence unless that is said: --even-hazards"
        )


def _check(silence: Silence, archive: Archive, now_s: int) -> None:
    if not silence.by or not silence.reason:
        raise MeterwatchError("a silence needs a name and a reason: somebody answers for what is not visited")
    at, begins_s = archive.calendar.text, max(silence.start_s, now_s)
    if silence.until_s <= begins_s:
        raise MeterwatchError(f"the silence would end at {at(silence.until_s)}, before it begins ({at(begins_s)})")
    longest_s = LONGEST_S[silence.kind]
    if silence.until_s - silence.start_s > longest_s:
        raise MeterwatchError(
            f"a {_WORDS[silence.kind]} lasts {longest_s // DAY_S} days at most, until {at(silence.start_s + longest_s)}: "
            "give it an earlier end, and renew it if it is still needed then"
            + ("; a whitelist may last a year" if silence.kind == "silence" else "")
        )


_WORDS = {"silence": "silence", "work": "work window", "whitelist": "whitelist"}


def _areas_of(archive: Archive, scope: Scope, start_s: int, until_s: int) -> tuple[str, ...]:
    """The areas in which anything of the scope stands while the silence lasts. Raises `MeterwatchError` where there is nothing."""
    _check_known(archive, scope)
    stays = [m for m in archive.meters if _stands_in(m, scope) and _overlaps(m, start_s, until_s)]
    if not stays:
        raise MeterwatchError(
            "no meter stands in all that is named while the silence lasts: name less, or check that they belong together"
        )
    return tuple(sorted({m.transformer_area for m in stays}))


def _check_known(archive: Archive, scope: Scope) -> None:
    known: tuple[tuple[str, str | None, Callable[[str], bool]], ...] = (
        ("meter", scope.meter_id, lambda name: archive.meter(name) is not None),
        ("customer", scope.customer_id, lambda name: any(_is_of(m, name) for m in archive.meters)),
        ("area", scope.transformer_area, lambda name: name in archive.areas),
        ("feeder", scope.feeder, lambda name: any(m.feeder == name for m in archive.meters)),
    )
    for word, name, is_known in known:
        if name is not None and not is_known(name):
            raise MeterwatchError(f"the archive knows no {word} {name!r}")
    meter = None if scope.meter_id is None else archive.meter(scope.meter_id)
    if meter is not None and meter.role == "supply":
        raise MeterwatchError(
            f"{scope.meter_id} is the supply meter of area {meter.transformer_area}, whose alerts are the area's own: name the area"
        )


def _stands_in(meter: Meter, scope: Scope) -> bool:
    return (
        scope.meter_id in (None, meter.meter_id)
        and (scope.customer_id is None or _is_of(meter, scope.customer_id))
        and scope.transformer_area in (None, meter.transformer_area)
        and scope.feeder in (None, meter.feeder)
    )


def _is_of(meter: Meter, customer_id: str) -> bool:
    return meter.role == "customer" and meter.customer_id == customer_id


def _overlaps(meter: Meter, start_s: int, until_s: int) -> bool:
    return (meter.valid_from_s is None or meter.valid_from_s < until_s) and (
        meter.valid_to_s is None or start_s < meter.valid_to_s
    )


def _put(store: StateStore, silence: Silence, kind: str, by: str, reason: str, now_s: int, encode: Encode) -> None:
    detail = asdict(silence)
    number = sum(entry.move != KIND for entry in store.audit(TRAIL))
    name = identity("decision", kind, silence.silence_id, *(() if kind == KIND else (now_s, number)))
    decisions = [Decision(name, area, now_s, kind, by, silence.silence_id, detail) for area in silence.areas]
    entry = AuditEntry(TRAIL, now_s, by, kind, "", json.dumps(detail, sort_keys=True), reason)
    store.record_decisions([entry], [(d.transformer_area, encode(d)) for d in decisions])
