"""`docs/packs.md`: what each pack is for, how to make it, what is in it, and its picture; written by `python -m simulator.gallery packs`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from simulator.gallery.pack_pictures import AREAS, METERS_PER_AREA, SEED, PackDays
from simulator.packs import PACKS
from simulator.province import Province

PAGE = Path(__file__).parents[2] / "docs" / "packs.md"
#: Options that make a feed of the pack worth having, beside `--out` and `--pack`.
OPTIONS: Mapping[str, str] = {
    "clean": "--areas 20 --meters-per-area 200 --days 98",
    "mixed": "--areas 20 --meters-per-area 200 --days 98",
    "hard": "--areas 20 --meters-per-area 200 --days 98",
    "storm": "--areas 50 --meters-per-area 20-200 --days 42",
    "new-year": "--areas 20 --meters-per-area 200 --days 77",
    "training": "--areas 20 --meters-per-area 60 --days 98",
    "province": "--areas 5000 --meters-per-area 200 --days 1",
}
ABOUT: Mapping[str, str] = {
    "clean": "The yardstick for false alarms: whatever a monitor reports here, apart from outages and lost readings, is wrong.",
    "mixed": "The pack to measure a monitor with. `evaluate` needs 28 days before the first onset, so 98 days leave ten weeks to be scored.",
    "hard": "What a monitor that does well in `mixed` should be tried on. `--hard` does the same to any other pack.",
    "storm": "Tests that a mass outage raises no case at a single meter, and that what begins in the darkness is found all the same.",
    "new-year": "Tests that a wave of empty homes is not taken for a wave of bypasses. Chinese New Year must lie in the days.",
    "training": (
        "For new inspectors. Beside the feed stand `exercise.html` (forty service points to judge, abnormal and harmless ones mixed) and "
        "`answers.html` (what it was, how one could have told, what to check on site); open them in a browser, in English or Chinese."
    ),
    "province": "For load: the readings stream in pieces; a day of a million meters takes 3 GB, of which two thirds are the province itself.",
}


def packs_page(lived: Mapping[str, PackDays]) -> str:
    """The page's Markdown."""
    return "\n".join([*_opening(), *(line for name in PACKS for line in _section(name, lived[name].province))]) + "\n"


def _opening() -> Iterator[str]:
    fewest, most = METERS_PER_AREA
    yield "# Scenario packs"
    yield ""
    yield (
        "A pack is a mixture of abnormalities, benign life and weather that answers one question. Give one or several to `simulate --pack`; "
        "several add up, and the name of a scenario stands for a pack of it alone. The scenarios and kinds of benign life are shown one by one in the [gallery](gallery.md)."
    )
    yield ""
    yield (
        f"The pictures and figures are of one small province each: {AREAS} areas of {fewest} to {most} customers from 1 January on, "
        f"hourly, seed {SEED}, on the cold plateau. `make gallery` draws them anew and writes this page."
    )
    yield ""


def _section(name: str, province: Province) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    yield f"{PACKS[name].about} {ABOUT[name]}"
    yield ""
    yield "```"
    yield f"meterwatch simulate --out feeds/{name} --pack {name} {OPTIONS[name]}"
    yield "```"
    yield ""
    yield f"![A province of the pack {name}, day by day](packs/{name}.png)"
    yield ""
    customers = sum(len(world.customers) for world in province.worlds)
    cases = [case for case in province.cases if not case.of_area]
    of_areas = [case for case in province.cases if case.of_area]
    life = Counter(change.kind for change in province.changes())
    yield f"- {province.days} days of {customers:,} customers, {len(cases)} with a labelled case; {len(of_areas)} of {len(province.worlds)} areas with one of the whole area."
    if cases:
        yield f"- Customers: {_counted(Counter(case.scenario for case in cases))}."
    if of_areas:
        yield f"- Areas: {_counted(Counter(case.scenario for case in of_areas))}."
    yield f"- Benign life: {_counted(life)}."
    outages = [outage for of_area in province.outages for outage in of_area]
    yield f"- {len(outages)} outages, {sum(o.planned for o in outages)} of them planned; {len(province.events):,} meter events."
    yield ""


def _counted(counts: Counter[str]) -> str:
    """Words with their counts, the most frequent first.

    >>> _counted(Counter({"bypass": 2, "magnet": 3, "altered": 2}))
    'magnet 3, altered 2, bypass 2'
    """
    return ", ".join(f"{word} {count}" for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
