"""At the day's close a suspicion becomes an alert with its reasons, its onset and its worth, which grows from day to day."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from detectors.case.case_probability import CaseProbability, CaseProbabilityParams
from detectors.case.prior import SCHEMA, Prior, read_prior
from metering.alert import Alert
from metering.archive import Archive, Meter, TariffPrice
from metering.frame import ReadingFrame
from operations.area import AreaInProgress, Outcome, alert_of
from operations.close_area_day import close_area_day, unpack_area_day

METERS, FELL_ON = 8, 30
FIRST_DAY = date(2026, 1, 5)


@pytest.fixture
def prior(tmp_path: Path) -> Prior:
    """One tree: a fall of more than five sigma is a bypass."""
    told = {
        "schema": SCHEMA,
        "features": ["fall_cusum", "log_level"],
        "forest": {
            "feature": [[0, 0, 0]],
            "threshold": [[5.0, 0, 0]],
            "left": [[1, 1, 2]],
            "right": [[2, 1, 2]],
            "missing_left": [[1, 0, 0]],
            "value": [[0.0, -5.0, 5.0]],
            "depth": 1,
            "base": 0.0,
        },
        "slope": 1.0,
        "shift": 0.0,
        "kinds": ["bypass"],
        "kind_centre": [0.0, 0.0],
        "kind_scale": [1.0, 1.0],
        "kind_weight": [[0.0, 0.0, 0.0]],
        "kind_lead": [0.0],
        "story": {},
    }
    path = tmp_path / "prior.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    return read_prior(path)


def archive() -> Archive:
    meters = tuple(
        Meter(f"M{i}", f"P{i}", f"C{i}", "A", "customer", "residential", "home", contracted_kw=8.0)
        for i in range(METERS)
    )
    tariffs = (TariffPrice("home", 0, 24, 0.5, "CNY", date(2025, 1, 1)),)
    return Archive("small", 60, "UTC", meters, tariffs=tariffs)


def lived(prior: Prior, days: int) -> dict[int, Alert]:
    """The alert of the meter that falls to a third, as it stood at the close of each day."""
    known = archive()
    area = AreaInProgress(known, known.areas["A"], {})
    area.case_probability = CaseProbability(area.context, CaseProbabilityParams(warm_up_days=10), prior)
    rng = np.random.default_rng(4)
    seen: dict[int, Alert] = {}
    for number in range(days):
        ordinal = FIRST_DAY.toordinal() + number
        start_s = known.calendar.day_start(date.fromordinal(ordinal))
        for hour in range(24):
            kwh = 0.5 * np.exp(0.1 * rng.standard_normal(METERS))
            kwh[0] *= 0.33 if number >= FELL_ON else 1.0
            ids = tuple(m.meter_id for m in known.meters)
            frame = ReadingFrame("A", start_s + 3600 * hour, 60, ids, {"energy_kwh": kwh})
            area.day(ordinal).curves.add(frame)
        outcome = Outcome()
        close_area_day(area, ordinal, 0, outcome)
        for alert in outcome.alerts.values():
            seen[number] = alert
        (row,) = outcome.area_days
        assert all(a in area.bank.alerts() for a in unpack_area_day(row.payload).open_alerts), (
            "the day stage knows it too"
        )
    return seen


def test_a_suspicion_says_why_since_when_and_what_it_is_worth(prior: Prior) -> None:
    seen = lived(prior, 42)
    raised, last = seen[min(seen)], seen[max(seen)]
    assert (raised.meter_id, raised.abnormality, raised.unit) == ("M0", "bypass", "kWh/d")
    assert raised.observed < raised.expected == pytest.approx(12.0, rel=0.05)
    first = raised.reasons[0]
    assert "day after day below usual" in first.text
    assert "连日低于常态" in first.text_zh
    assert first.weight > 0
    began_on = date.fromordinal(FIRST_DAY.toordinal() + FELL_ON)
    assert abs((archive().calendar.day_of(raised.since_s) - began_on).days) <= 4
    assert raised.worth is not None
    assert last.worth is not None
    assert raised.worth.kwh_low <= raised.worth.kwh < last.worth.kwh, "it grows with every day"
    lost_a_day_kwh = 12.0 * 0.67
    days_in_doubt = (last.raised_at_s - last.since_s) // 86_400 + (max(seen) - min(seen))
    assert last.worth.kwh == pytest.approx(days_in_doubt * lost_a_day_kwh, rel=0.1)
    assert last.worth.kwh_low < last.worth.kwh < last.worth.kwh_high
    assert last.worth.money == pytest.approx(0.5 * last.worth.kwh, abs=0.01)
    assert last.reasons == raised.reasons, "what was seen when it was raised stays as it was"


def test_an_alert_is_saved_with_its_worth_and_its_words(prior: Prior) -> None:
    alert = lived(prior, 40)
    newest = alert[max(alert)]
    assert alert_of(json.loads(json.dumps(asdict(newest)))) == newest
    assert alert_of(json.loads(json.dumps(asdict(replace(newest, worth=None))))).worth is None
