"""Silences: those in force, what became of the others, making and changing one, ending one early."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from desk.api.access import CallerOf, Parts, PartsOf, scoped
from desk.api.idempotency import OnceOf
from desk.api.paging import ROWS, CursorText, Limit, sliced
from desk.api.schemas import HistoryLine, Page, Sent, Taken, Words, audited, moment
from metering.catalogue import Family
from metering.inspection import AuditEntry
from metering.silence import Silence, SilenceKind
from metering.times import to_epoch_s
from operations.silence import Scope, SilenceLife, add_silence, change_silence, end_silence, silence_history

router = APIRouter(prefix="/silences", tags=["silences"])

Code = Annotated[str, Field(min_length=1, max_length=100)]


class SilenceOut(Sent):
    """What people do not want to hear of for a while. All that is named must match; null matches anything.

    `customer_id`, names and reasons are null for a token without `alerts:handle`; `of_a_customer` says whether one is named.
    """

    silence_id: str
    kind: SilenceKind
    meter_id: str | None
    customer_id: str | None
    of_a_customer: bool
    transformer_area: str | None
    feeder: str | None
    abnormality: str | None
    family: str | None
    even_hazards: Annotated[bool, Field(description="whether it holds hazards back too")]
    starts_at: datetime
    ends_at: datetime
    in_force: bool
    ended_early_at: datetime | None
    by: str | None
    reason: str | None
    history: tuple[HistoryLine, ...]

    @classmethod
    def of(cls, life: SilenceLife, now_s: int, *, names: bool) -> SilenceOut:
        silence = life.silence
        return cls(
            silence_id=silence.silence_id,
            kind=silence.kind,
            meter_id=silence.meter_id,
            customer_id=silence.customer_id if names else None,
            of_a_customer=silence.customer_id is not None,
            transformer_area=silence.transformer_area,
            feeder=silence.feeder,
            abnormality=silence.abnormality,
            family=silence.family,
            even_hazards=silence.even_hazards,
            starts_at=moment(silence.start_s),
            ends_at=moment(silence.until_s),
            in_force=life.in_force(now_s),
            ended_early_at=None if life.ended is None else moment(life.ended.at_s),
            by=silence.by if names else None,
            reason=silence.reason if names else None,
            history=tuple(_act(entry, names=names) for entry in life.acts),
        )


class SilenceList(Page):
    silences: tuple[SilenceOut, ...]


class NewSilence(Taken):
    """Name a place (meter, customer, area or feeder), a kind (abnormality or family), or both."""

    ends_at: AwareDatetime
    reason: Words
    starts_at: Annotated[AwareDatetime | None, Field(description="now, where it is not given")] = None
    kind: SilenceKind = "silence"
    meter_id: Code | None = None
    customer_id: Code | None = None
    transformer_area: Code | None = None
    feeder: Code | None = None
    abnormality: Code | None = None
    family: Family | None = None
    even_hazards: bool = False


class ChangedSilence(Taken):
    reason: Words
    ends_at: AwareDatetime | None = None
    even_hazards: bool | None = None


class EndedSilence(Taken):
    reason: Words


@router.get("", response_model=SilenceList, summary="A page of silences", **scoped("alerts:read"))
def list_silences(
    parts: PartsOf,
    caller: CallerOf,
    over: Annotated[bool, Query(description="also those that are over")] = False,
    limit: Limit = ROWS,
    cursor: CursorText = "",
) -> SilenceList:
    """Those in force and those that lie ahead, each with everything that was done with it; in the order they were made."""
    now_s = parts.records.now_s()
    found = [
        life for life in silence_history(parts.records.store) if over or life.in_force(now_s) or life.lies_ahead(now_s)
    ]
    rows, onwards, back = sliced(found, cursor, limit, sort="made", key=lambda life: life.silence.silence_id)
    return SilenceList(
        silences=tuple(SilenceOut.of(life, now_s, names=caller.sees_names) for life in rows),
        next=onwards,
        previous=back,
        count=len(found),
        count_is_more=False,
    )


@router.post("", response_model=SilenceOut, status_code=201, summary="Make a silence", **scoped("silences:write"))
def make_silence(asked: NewSilence, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """Nobody is told, and no task is opened, of what it covers until it ends. Alerts go on and say so."""

    def act() -> SilenceOut:
        r = parts.records
        silence = add_silence(
            r.store,
            r.archive,
            Scope(
                asked.meter_id,
                asked.customer_id,
                asked.transformer_area,
                asked.feeder,
                asked.abnormality,
                asked.family,
            ),
            until_s=to_epoch_s(asked.ends_at),
            by=caller.person,
            reason=asked.reason,
            now_s=r.now_s(),
            encode=r.encode,
            start_s=None if asked.starts_at is None else to_epoch_s(asked.starts_at),
            kind=asked.kind,
            even_hazards=asked.even_hazards,
        )
        return _now(parts, silence)

    return once(act, asked, status=201)


@router.post("/{silence_id}/change", response_model=SilenceOut, summary="Change a silence", **scoped("silences:write"))
def change(silence_id: str, asked: ChangedSilence, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """Another end, or whether it holds hazards back."""

    def act() -> SilenceOut:
        r = parts.records
        silence = change_silence(
            r.store,
            r.archive,
            silence_id,
            by=caller.person,
            reason=asked.reason,
            now_s=r.now_s(),
            encode=r.encode,
            until_s=None if asked.ends_at is None else to_epoch_s(asked.ends_at),
            even_hazards=asked.even_hazards,
        )
        return _now(parts, silence)

    return once(act, asked)


@router.post("/{silence_id}/end", response_model=SilenceOut, summary="End a silence early", **scoped("silences:write"))
def end(silence_id: str, asked: EndedSilence, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """From now on people hear again of what it covered."""

    def act() -> SilenceOut:
        r = parts.records
        silence = end_silence(
            r.store, silence_id, by=caller.person, reason=asked.reason, now_s=r.now_s(), encode=r.encode
        )
        return _now(parts, silence)

    return once(act, asked)


def _now(parts: Parts, silence: Silence) -> SilenceOut:
    """The silence as it stands after the act, with its history."""
    lives = {life.silence.silence_id: life for life in silence_history(parts.records.store)}
    return SilenceOut.of(lives[silence.silence_id], parts.records.now_s(), names=True)


def _act(entry: AuditEntry, *, names: bool) -> HistoryLine:
    """What was done; the scope in full stands in the silence itself."""
    line = audited(entry, names=names)
    return line.model_copy(update={"from_state": "", "to_state": ""})
