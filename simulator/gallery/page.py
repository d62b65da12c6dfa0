"""The gallery as one HTML page with nothing to load."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from metering.catalogue import FAMILIES
from simulator.gallery.cards import BENIGN, Card
from simulator.gallery.stage import CUSTOMERS, DAYS
from simulator.gallery.svg import DRAWN, ONSET, SOLD, VARIABLES, WITH, WITHOUT

STYLE = Path(__file__).with_name("page.css")
FAMILY_NAMES: dict[str, tuple[str, str]] = {
    "energy": ("Energy registers", "电量异常"),
    "electrical": ("Voltage and current", "电压电流异常"),
    "theft": ("Suspected theft", "疑似窃电"),
    "load": ("Load", "负荷异常"),
    "clock": ("Clock", "时钟异常"),
    "wiring": ("Wiring", "接线异常"),
    "communication": ("Outage and communication", "停电与采集"),
    "line_loss": ("Line loss", "台区线损"),
    "archive": ("Archive", "档案异常"),
    "data_quality": ("Data quality", "数据质量"),
    "novelty": ("Novelty", "新异"),
    BENIGN: ("Benign life", "正常生活与作业"),
}
LEGEND = (
    (WITH, "reported, with it"),
    (WITHOUT, "reported in the same weeks without it"),
    (DRAWN, "truly drawn by the customer (net of generation)"),
    (SOLD, "all customers' meters together (cards of whole areas)"),
    (ONSET, "onset, and what meters reported of it"),
)


def page(cards: Sequence[Card]) -> str:
    """The whole page."""
    families = [f for f in (*FAMILIES, BENIGN) if any(card.family == f for card in cards)]
    body = "\n".join(_body(cards, families))
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Meterwatch: gallery of scenarios</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(cards: Sequence[Card], families: Sequence[str]) -> Iterator[str]:
    scenarios = sum(card.family != BENIGN for card in cards)
    yield (
        "<h1>Gallery of scenarios and benign life</h1>\n"
        f'<p class="muted">{scenarios} labelled scenarios and {len(cards) - scenarios} kinds of benign life, each in an area of '
        f"{CUSTOMERS} customers over {DAYS} days, lived twice: with it from the third week on, and without it. "
        "Shown is a typical one: of nine draws the one of middle severity (of benign life one that can be seen), at a place in the middle third, by demand, of those "
        "that suit. "
        "Everything else, weather, habits, noise, is the same in both.</p>"
    )
    swatches = (f'<span><i style="background:var(--{VARIABLES[c]})"></i>{escape(words)}</span>' for c, words in LEGEND)
    yield f'<p class="legend">{"".join(swatches)}</p>'
    yield f"<nav>{''.join(_navigation(cards, families))}</nav>"
    for family in families:
        name_en, name_zh = FAMILY_NAMES[family]
        yield f'<h2 id="family-{family}">{name_en} <span lang="zh-CN" class="muted">{name_zh}</span></h2>'
        for card in (c for c in cards if c.family == family):
            yield article(card)


def _navigation(cards: Iterable[Card], families: Iterable[str]) -> Iterator[str]:
    cards = list(cards)
    for family in families:
        own = " ".join(f'<a href="#{c.key}">{_words(c.key)}</a>' for c in cards if c.family == family)
        yield f'<b><a href="#family-{family}">{FAMILY_NAMES[family][0]}</a></b><span>{own}</span>'


def article(card: Card) -> str:
    code = f"<code>{card.code}</code> " if card.code else ""
    facts = "".join(f"<div><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>" for what, value in card.facts)
    return (
        f'<article id="{card.key}">\n<header><h3>{_words(card.key)}</h3>'
        f'<span>{code}{escape(card.name_en)} <span lang="zh-CN">{escape(card.name_zh)}</span></span></header>\n'
        f"<p>{_code(card.definition)}</p>\n"
        f'<p class="story"><b>Here:</b> {escape(card.story)}.</p>\n<dl>{facts}</dl>\n'
        f'<div class="figure">{card.figure}</div>\n</article>'
    )


def _code(text: str) -> str:
    """Text in which `words` are code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _words(key: str) -> str:
    return escape(key.replace("_", " ").replace("-", " "))
