"""Some weeks of a small province in which every abnormality happens, and what the monitor makes of each: `golden/CODE.json`.

`golden/normal.json` holds the alerts at meters and areas where nothing is wrong. `python -m tests.replay.golden_replays` writes
the files anew; a change of one takes a sentence in the commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.detection.straight import run_straight
from evaluation.run_folder import ALERTS
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES
from metering.times import iso
from simulator.feeds.living import LivingProvince
from simulator.recipe import Recipe

GOLDEN = Path(__file__).with_name("golden")
NORMAL = "normal"
RECIPE = Recipe(areas=10, meters_per_area=30, days=49, seed=246, interval_minutes=60, packs=("training",))
#: By abnormality a small province of its own: the pack `training` shows it too briefly, or not at all.
OWN_RECIPES: Mapping[str, Recipe] = {
    "resale": Recipe(areas=4, meters_per_area=25, days=45, seed=247, interval_minutes=60, packs=("resale",)),
    "inactive_use": Recipe(
        areas=2, meters_per_area=20, days=20, seed=248, interval_minutes=60, packs=("use_after_closure",)
    ),
}
Expected = Mapping[str, list[dict[str, Any]]]


def live() -> Expected:
    """By abnormality its true cases, each with the alerts of its place; those of a province of its own come last."""
    found = live_through(RECIPE)
    for abnormality, recipe in OWN_RECIPES.items():
        found.setdefault(abnormality, []).extend(live_through(recipe)[abnormality])
    return dict(sorted(found.items()))


def live_through(recipe: Recipe) -> dict[str, list[dict[str, Any]]]:
    """Of one province (the alerts of its area, for a case of a whole area)."""
    living = LivingProvince(recipe)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run_straight(living, out, lambda *_: None)
        alerts = [json.loads(line) for line in (out / ALERTS).read_text(encoding="utf-8").splitlines()]
    found: dict[str, list[dict[str, Any]]] = {}
    explained = set()
    for case in living.truth:
        meter = living.archive.meter(case.meter_id)
        of_area = meter is not None and meter.role == "supply"
        own = [a for a in alerts if _names(a, case.meter_id, meter.transformer_area if of_area and meter else None)]
        explained |= {a["id"] for a in own}
        told = {"place": case.meter_id, "from": iso(case.start_s), "alerts": [_shown(a) for a in own]}
        found.setdefault(case.abnormality, []).append(told)
    found[NORMAL] = [
        {"place": a["meter_id"] or a["transformer_area"], "alerts": [_shown(a)]}
        for a in alerts
        if a["id"] not in explained
    ]
    return found


def _names(alert: Mapping[str, Any], meter_id: str, area: str | None) -> bool:
    if alert["meter_id"] is None:
        return area is not None and alert["transformer_area"] == area
    return bool(alert["meter_id"] == meter_id)


def _shown(alert: Mapping[str, Any]) -> dict[str, str]:
    """What an inspector reads first."""
    return {"abnormality": alert["abnormality"], "raised_at": alert["raised_at"]}


def expected() -> Expected:
    """What the files say."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.json"))}


def found_in_time(abnormality: str, case: Mapping[str, Any]) -> bool:
    """Whether an alert names the case's place from its onset on; information finds what is information itself."""
    return any(
        alert["raised_at"] >= case["from"] and _finds(alert["abnormality"], abnormality) for alert in case["alerts"]
    )


def _finds(said: str, abnormality: str) -> bool:
    informs, is_information = (CATALOGUE[code].family in INFORMATION_FAMILIES for code in (said, abnormality))
    return is_information or not informs


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.glob("*.json"):
        path.unlink()
    for name, cases in live().items():
        (GOLDEN / f"{name}.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
        known = [found_in_time(name, case) for case in cases if "from" in case]
        print(f"{name}: {sum(known)} of {len(known)} found" if known else f"{name}: {len(cases)} alerts")


if __name__ == "__main__":
    main()
