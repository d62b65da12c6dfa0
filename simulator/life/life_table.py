"""The table of benign life for `docs/life.md`, as the code knows it."""

from __future__ import annotations

from simulator.life import KINDS
from simulator.life.event import CLASS_WORDS, LifeEvent


def life_table() -> str:
    """Markdown: kind and file, who has it, how often, what changes, what it resembles, and what follows for labelled cases."""
    columns = ("kind", "who", "how often", "what changes", "what it resembles from afar", "notes")
    lines = [columns, ("---",) * len(columns), *(_row(kind) for kind in KINDS)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(kind: type[LifeEvent]) -> tuple[str, ...]:
    file = f"{kind.__module__.rpartition('.')[2]}.py"
    classes = [each for each in CLASS_WORDS if each in kind.per_year or each in kind.standing]
    who = ", ".join(part for part in (", ".join(CLASS_WORDS[each] for each in classes), kind.who) if part)
    often = [
        _often(CLASS_WORDS[each], kind.per_year.get(each, 0.0), kind.standing.get(each, 0.0)) for each in classes
    ] + ([kind.often] if kind.often else [])
    notes = [
        note
        for note, holds in (
            ("no case beside it", kind.conflicts),
            ("nobody there", kind.empties),
            ("up to the contract", kind.lifts_ceiling),
            ("the archive says it generates", kind.declares_generation),
        )
        if holds
    ]
    return (
        f"[`{kind.kind}`](../simulator/life/{file})",
        who or "as its cause",
        "; ".join(often),
        kind.changes,
        kind.resembles,
        ", ".join(notes) or "-",
    )


def _often(word: str, per_year: float, standing: float) -> str:
    """Per 100 customers of a class.

    >>> _often("homes", 0.06, 0.02)
    '6 per 100 homes a year, 2 of 100 throughout'
    """
    parts = []
    if per_year:
        parts.append(f"{100 * per_year:.3g} per 100 {word} a year")
    if standing:
        parts.append(f"{100 * standing:.3g} of 100 {'' if parts else word + ' '}throughout")
    return ", ".join(parts)
