"""The tables of the documentation that the code itself knows; `tests/unit/test_docs.py` holds pages and code together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import orjson
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from alerts.shown_life import life_table as alert_life_table
from desk.api.tables import addresses_table, problems_table, scopes_table
from detectors.area.area_outage import AreaOutage
from detectors.area.day_area import DayArea
from detectors.area.frequent_outage import FrequentOutage
from detectors.area.load_forecast import LoadForecast
from detectors.area.meter_errors import MeterErrors
from detectors.bank import ALL_DETECTORS, HOUR_DETECTORS, INTERVAL_DETECTORS, PROFILE, day_models
from detectors.case.case_probability import CaseProbability
from detectors.case.downstream_prices import DownstreamPrices
from detectors.case.prior import shipped_prior
from detectors.validation.validation_rules import ValidationRules
from docs.abnormalities import abnormalities
from metering.catalogue import CATALOGUE
from metering.dismissal import BENIGN_REASONS
from monitor.metrics import metrics_table, rules_table
from monitor.settings import PREFIX, Settings
from notify import examples
from notify.alertmanager import payload
from notify.texts import Writer
from simulator.life.life_table import life_table
from streams.topics import topics_table

HERE = Path(__file__).parent


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _allowed(of: FieldInfo) -> str:
    kind: Any = of.annotation
    if get_origin(kind) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(kind))
    limits = {
        name: limit for m in of.metadata for name in ("ge", "gt", "le") if (limit := getattr(m, name, None)) is not None
    }
    signs = {"ge": "at least", "gt": "above", "le": "at most"}
    words = ", ".join(f"{signs[name]} {limit:,}" for name, limit in limits.items())
    return "secret" if SecretStr in (kind, *get_args(kind)) else words


def benign_reasons() -> str:
    rows = [
        (
            f"`{reason.code}`",
            reason.name_en,
            reason.name_zh,
            "yes" if reason.teaches else "no",
            "yes" if reason.settles_hazards else "no",
        )
        for reason in BENIGN_REASONS.values()
    ]
    return _table(("reason", "what it says", "中文", "teaches", "settles a hazard"), rows)


def settings() -> str:
    rows = [
        (
            f"`{PREFIX}{name.upper()}`",
            "none" if of.default is None else f"`{of.default}`" if of.default != "" else "empty",
            _allowed(of),
            of.description or "",
        )
        for name, of in Settings.model_fields.items()
    ]
    return _table(("variable", "default", "allowed", "meaning"), rows)


def _codes(kind: Any) -> tuple[str, ...]:
    """What a detector may say; none for a model that gives a score only."""
    codes: tuple[str, ...] = shipped_prior().kinds if kind is CaseProbability else getattr(kind, "abnormalities", ())
    return codes


def detectors() -> str:
    def of(kind: Any, judges: str) -> tuple[str, ...]:
        module = kind.__module__.removeprefix("detectors.").replace(".", "/")
        codes = ", ".join(f"`{code}`" for code in _codes(kind))
        return f"`{kind.name}`", f"[{module}.py](../detectors/{module}.py)", judges, codes

    rows = [of(kind, "interval") for kind, _ in INTERVAL_DETECTORS]
    rows.append(of(AreaOutage, "interval"))
    rows += [of(kind, "hour") for kind, _ in HOUR_DETECTORS]
    of_days = (
        CaseProbability,
        DayArea,
        MeterErrors,
        FrequentOutage,
        DownstreamPrices,
        LoadForecast,
        ValidationRules,
        *(type(model) for model in day_models(seed=1)),
    )
    rows += [of(kind, "day") for kind in of_days]
    rows = [(*row[:3], row[3] or "a score for the ranking") for row in rows]
    rows.append((*of(PROFILE[0], "-")[:3], "the energy to expect"))
    return _table(("detector", "file", "judges every", "says"), rows)


def thresholds() -> str:
    sections = []
    for kind, params in (*ALL_DETECTORS, PROFILE):
        rows = [
            (
                f"`{each.name}`",
                f"{each.default:g}",
                f"{each.metadata['low']:g} to {each.metadata['high']:g}",
                each.metadata["unit"],
                each.metadata["meaning"],
                each.metadata["source"],
            )
            for each in fields(params)
        ]
        sections.append(
            f"### `[{kind.name}]`\n\n" + _table(("field", "default", "range", "unit", "meaning", "source"), rows)
        )
    return "\n\n".join(sections)


def said_by() -> dict[str, list[str]]:
    """By code, the detectors that can say it."""
    found: dict[str, list[str]] = {}
    for kind, _ in ALL_DETECTORS:
        for code in _codes(kind):
            found.setdefault(code, []).append(kind.name)
    return found


def catalogue() -> str:
    by = said_by()
    rows = []
    for row in CATALOGUE.values():
        source = ", ".join(f"`{name}`" for name in by.get(row.code, []))
        source = source or ("meter event" if row.own_event == "alert" else "-")
        rows.append((f"`{row.code}`", row.catalogue_id, row.name_en, row.name_zh, row.family, row.lane, source))
    return _table(("code", "no.", "English", "中文", "family", "lane", "said by"), rows)


def webhook_example() -> str:
    """The webhook's body of a page."""
    writer = Writer(examples.CALENDAR, "en", examples.DESK_URL)
    told = orjson.dumps(payload(examples.EXAMPLES[0], writer), option=orjson.OPT_INDENT_2).decode()
    return f"```json\n{told}\n```"


def notification_texts() -> str:
    """A message of every kind, in both languages."""
    return "\n\n".join(f"```text\n{examples.rendered(language)}\n```" for language in ("en", "zh"))


#: (page, block name) -> what stands between the block's marks
BLOCKS: Mapping[tuple[str, str], Callable[[], str]] = {
    ("settings.md", "settings"): settings,
    ("runbook.md", "topics"): topics_table,
    ("add-a-detector.md", "detectors"): detectors,
    ("thresholds.md", "thresholds"): thresholds,
    ("glossary.md", "catalogue"): catalogue,
    ("abnormalities.md", "abnormalities"): lambda: abnormalities(said_by()),
    ("life.md", "life"): life_table,
    ("alerts.md", "life of an alert"): alert_life_table,
    ("watch.md", "metrics"): metrics_table,
    ("watch.md", "rules"): rules_table,
    ("api.md", "addresses"): addresses_table,
    ("api.md", "scopes"): scopes_table,
    ("api.md", "problems"): problems_table,
    ("learning.md", "reasons why an alert is no problem"): benign_reasons,
    ("notifications.md", "webhook"): webhook_example,
    ("notifications.md", "texts"): notification_texts,
}


def with_block(page: str, name: str, content: str) -> str:
    """The page with one block brought up to date; ValueError where it lacks the block's marks."""
    begin, end = f"<!-- {name}: begin (python -m docs.tables) -->", f"<!-- {name}: end -->"
    before, begun, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"the page needs the lines {begin!r} and {end!r}")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


if __name__ == "__main__":
    for (page_name, block), content in BLOCKS.items():
        path = HERE / page_name
        path.write_text(with_block(path.read_text(encoding="utf-8"), block, content()), encoding="utf-8")
