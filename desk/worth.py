"""What a claim is worth, as a person reads it: energy not registered since the onset and money, each with its interval."""

from __future__ import annotations

from desk.figures import count, figure
from desk.markup import Markup
from desk.pieces import fact
from desk.texts import Words
from desk.visit import Visit
from metering.alert import Alert


def worth_facts(visit: Visit, alert: Alert) -> list[Markup]:
    """The facts of one alert: energy at stake, and money where a tariff says a price."""
    say, worth = visit.say, alert.worth
    if worth is None:
        energy, note = energy_so_far(visit, alert)
        return [fact(say("fact.energy"), energy, note=note, class_="big")]
    if worth.basis == "nothing_lost":
        return [fact(say("fact.recoverable"), say("worth.nothing_lost"))]
    if worth.basis == "price_difference":
        facts = [fact(say("fact.recoverable"), say("worth.registered"))]
        label = "fact.price_difference"
    elif worth.basis == "unbilled":
        facts = [fact(say("fact.unbilled"), figure(worth.kwh, "kWh"), class_="big")]
        label = "fact.money"
    else:
        note = say("worth.interval", low=figure(worth.kwh_low), high=figure(worth.kwh_high), unit="kWh")
        facts = [fact(say("fact.recoverable"), figure(worth.kwh, "kWh"), note=note, class_="big")]
        label = "fact.money"
    if worth.money is None or worth.money_low is None or worth.money_high is None:
        return [*facts, fact(say(label), say("worth.no_price"))]
    unit = currency_word(worth.currency, say)
    note = None
    if worth.money_low < worth.money_high:
        note = say("worth.interval", low=money(worth.money_low), high=money(worth.money_high), unit=unit)
    return [*facts, fact(say(label), f"{money(worth.money)} {unit}", note=note, class_="big")]


def energy_so_far(visit: Visit, alert: Alert) -> tuple[str, str | None]:
    """(what the claim stands for in kWh since it was raised, with a range where intervals were not read; a note on them)."""
    say = visit.say
    unread_kwh = sum(kwh for _, kwh in alert.unjudged)
    if alert.missing_kwh <= 0 and unread_kwh <= 0:
        return say("fact.energy_none"), None
    if unread_kwh <= 0:
        return figure(alert.missing_kwh, "kWh"), None
    low, high = figure(alert.missing_kwh), figure(alert.missing_kwh + unread_kwh)
    spread = f"{low} kWh" if low == high else say("fact.energy_range", low=low, high=high)
    return spread, say("fact.energy_unread", count=count(len(alert.unjudged)), kwh=figure(unread_kwh))


def money(amount: float) -> str:
    """
    >>> money(5.8), money(1234.5), money(0.0)
    ('5.80', '1,234', '0')
    """
    return f"{amount:,.0f}" if abs(amount) >= 100 or amount == 0 else f"{amount:.2f}"


def currency_word(currency: str, say: Words) -> str:
    """
    >>> currency_word("CNY", Words("zh")), currency_word("CNY", Words("en"))
    ('元', 'CNY')
    """
    return "元" if currency == "CNY" and say.language == "zh" else currency
