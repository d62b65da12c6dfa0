"""Declared prices of electricity passed on: only what is above what may be added is said, in two languages, with its amount."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.case.downstream_prices import Declared, DownstreamPrices, DownstreamPricesParams
from detectors.examples import MONDAY_S, context
from metering.errors import SettingsError
from metering.evidence import Signal

NAN = np.nan


def said(price: float, paid: float = 0.5, *, since_s: int = MONDAY_S, margin: float = 0.1) -> Signal:
    rule = DownstreamPrices(context(meters=1), DownstreamPricesParams(allowed_margin=margin))
    return rule.signal(
        Declared(np.array([price]), np.array([paid]), np.array([20.0]), np.array([3.0]), np.array([since_s]), "CNY")
    )


@pytest.mark.parametrize(("price", "strength"), [(0.2, 0.0), (0.55, 0.0), (0.551, 1.0), (0.9, 1.0)])
def test_a_price_above_the_margin_is_resale(price: float, strength: float) -> None:
    assert said(price).strength.tolist() == [strength]


def test_the_margin_is_the_utilitys_to_choose() -> None:
    assert said(0.51, margin=0.0).strength.tolist() == [1.0]
    assert said(0.51, margin=0.05).strength.tolist() == [0.0]
    with pytest.raises(SettingsError, match="allowed_margin"):
        DownstreamPricesParams(allowed_margin=-0.1)


def test_without_a_tariffs_price_or_a_declaration_nothing_is_judged_and_an_ended_one_is_over() -> None:
    assert np.isnan(said(0.9, NAN).strength).all()
    assert np.isnan(said(NAN, since_s=0).strength).all()
    assert said(NAN).strength.tolist() == [0.0]


def test_it_says_the_prices_the_tenants_and_the_money() -> None:
    signal = said(0.9)
    assert (signal.unit, signal.observed.tolist(), signal.expected.round(6).tolist()) == ("CNY/kWh", [0.9], [0.55])
    assert signal.since_s is not None
    assert signal.since_s.tolist() == [MONDAY_S]
    assert signal.reasons is not None
    (reason,) = signal.reasons(0)
    assert "to 3 others at 0.9 CNY/kWh, 0.55 is allowed" in reason.text
    assert "20 kWh a day were passed on, 7 CNY a day too much" in reason.text
    assert "每日多收 7 CNY" in reason.text_zh
