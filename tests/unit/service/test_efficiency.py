"""Advice to who uses much: against peers of the class who use as much, only what is worse, and only where peers are enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from service.efficiency import FEWEST_PEERS, FIGURES, Use, advise

NAN = float("nan")


def use(number: int, customer_class: str = "industrial", **figures: float) -> Use:
    usual = Use(f"M{number:02}", "TA", customer_class, 400.0, 8.0 + 0.1 * number, 0.55, 0.3, 0.95)
    return replace(usual, **figures)  # type: ignore[arg-type]


PEERS = [use(n) for n in range(12)]


def told(*others: Use, least: float = 100.0) -> dict[str, tuple[str, ...]]:
    return {
        a.use.meter_id: tuple(f.figure for f in a.figures) for a in advise([*PEERS, *others], least_kwh_a_day=least)
    }


def test_each_figure_that_is_worse_is_told_and_the_worst_comes_first() -> None:
    assert told(use(90, full_load_hours=2.0)) == {"M90": ("full_load_hours",)}
    assert told(use(90, night_share=0.1)) == {"M90": ("night_share",)}
    assert told(use(90, power_factor=0.8, load_factor=0.45)) == {"M90": ("power_factor", "load_factor")}


def test_what_is_better_than_the_peers_is_no_advice() -> None:
    assert told(use(90, full_load_hours=18.0, load_factor=0.9, night_share=0.6, power_factor=1.0)) == {}


def test_who_uses_little_is_neither_advised_nor_a_peer() -> None:
    assert told(use(90, kwh_a_day=40.0, load_factor=0.1)) == {}
    assert told(use(90, kwh_a_day=40.0, load_factor=0.1), least=20.0) == {"M90": ("load_factor",)}


def test_another_class_is_no_peer_and_a_few_are_not_enough() -> None:
    shops = [use(60 + n, "commercial") for n in range(FEWEST_PEERS - 2)]
    peaky = use(90, "commercial", load_factor=0.1)
    assert told(*shops, peaky) == {}
    assert told(*shops, use(59, "commercial"), peaky) == {"M90": ("load_factor",)}


def test_what_is_not_known_is_not_judged() -> None:
    assert told(use(90, power_factor=NAN, full_load_hours=NAN)) == {}
    unmeasured = [replace(peer, power_factor=NAN) for peer in PEERS]
    assert advise([*unmeasured, use(90, power_factor=0.5)], least_kwh_a_day=100) == []


def test_the_farthest_come_first_and_every_figure_has_words_in_both_languages() -> None:
    found = advise([*PEERS, use(90, load_factor=0.4), use(91, load_factor=0.2)], least_kwh_a_day=100)
    assert [advice.use.meter_id for advice in found] == ["M91", "M90"]
    (figure,) = found[0].figures
    assert (figure.value, figure.peers_median, figure.unit) == (0.2, 0.55, "1")
    assert np.isclose(figure.spreads_below, 0.35 / FIGURES["load_factor"].least_spread)
    for name, each in FIGURES.items():
        assert each.advice_en, name
        assert each.advice_zh, name
