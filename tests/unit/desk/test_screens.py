"""What the screens say: lists that filter and page, cases that tell both sides, figures that add up, nothing unescaped."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from alerts.life import AlertBank
from desk import case, lists, overview
from desk.alert_list import alert_list, query_of
from desk.api.overview_schemas import Overview
from desk.api.place_schemas import Places
from desk.api.schemas import AlertLine, AlertList, TaskRef
from desk.markup import Markup, el
from desk.pieces import claim, task_claim
from desk.reasons import reason_words
from desk.records import Snapshot
from desk.selection import PAGE_LENGTH, Selection, select_tasks
from desk.texts import Words
from desk.visit import Visit, local_address
from desk.worth import energy_so_far, worth_facts
from metering.alert import Alert, AlertState, Reason, Worth
from metering.archive import Archive, Area
from metering.evidence import Signal
from metering.handling import AlertHandling, HandledAlert
from metering.inspection import AuditEntry, InspectionTask, TaskFinding, TaskState
from metering.times import DAY_S, LocalCalendar
from metering.watch import WatchStanding
from operations.why_ranked import RankedCase

MakeAlert = Callable[..., Alert]
MakeTask = Callable[..., InspectionTask]
MakeSnapshot = Callable[..., Snapshot]
MakeOverview = Callable[..., Overview]
PLACES = Places(name="example", timezone="Asia/Shanghai", interval_minutes=60, customers=3, areas=("TA-1", "TA-2"))
HOSTILE = '<img src=x onerror="alert(1)">'


def listed(*alerts: Alert) -> AlertList:
    """The alerts as the API lists them."""
    rows = [HandledAlert(alert, AlertHandling(alert.alert_id)) for alert in alerts]
    now = datetime.fromtimestamp(1_772_323_200, UTC)
    return AlertList(
        alerts=tuple(AlertLine.of(row, names=True) for row in rows),
        next=None,
        previous=None,
        count=len(rows),
        count_is_more=False,
        now=now,
        judged_until=now,
    )


# --- the monitor itself

SILENT = WatchStanding("areas_silent", "", 2.0, 60.0, True, which=("TA-1", HOSTILE))
STUCK = WatchStanding("checkpoint_old", "archive", None, 60.0, True, why_not="no_worker")
BEHIND = WatchStanding("log_behind", "judge", 20_000.0, 60.0, True)


def test_what_is_wrong_with_the_monitor_is_shown_what_pages_first_and_what_to_do(
    make_overview: MakeOverview, visit: Visit, visit_zh: Visit
) -> None:
    told = make_overview(watch=(SILENT, STUCK, BEHIND, replace(SILENT, subject="x", open=False)))
    lane = overview.watch_lane(visit, told)
    assert (
        lane.index("Messages pile up") < lane.index("Transformer areas are silent") < lane.index("is not saved archive")
    )
    assert "20,000 messages (meterwatch_lag_messages)" in lane
    assert "no living worker reports it (meterwatch_checkpoint_age_seconds)" in lane
    assert ">3</span>" in lane
    assert HOSTILE not in lane
    assert "消息积压" in overview.watch_lane(visit_zh, told)


def test_a_monitor_that_is_well_takes_no_room(make_overview: MakeOverview, visit: Visit) -> None:
    assert overview.watch_lane(visit, make_overview(watch=(replace(BEHIND, open=False),))) == ""


# --- lists


def test_thousands_of_tasks_are_shown_page_by_page(make_task: MakeTask, make_snapshot: MakeSnapshot) -> None:
    snapshot = make_snapshot([], [make_task(n) for n in range(500)])
    seen: list[str] = []
    for page in range(1, 500 // PAGE_LENGTH + 1):
        shown = select_tasks(snapshot, Selection.of({"page": str(page)}, state="", sort="opened"))
        assert (shown.count, shown.pages) == (500, 10)
        seen += [t.task_id for t in shown.rows]
    assert seen == [t.task_id for t in snapshot.tasks]


@pytest.mark.parametrize("page", ["0", "-3", "x", "999999999999999", ""])
def test_a_page_that_is_no_page_is_the_first_or_the_last(
    page: str, make_task: MakeTask, make_snapshot: MakeSnapshot
) -> None:
    shown = select_tasks(make_snapshot([], [make_task()]), Selection.of({"page": page}, state="", sort="opened"))
    assert (shown.page, len(shown.rows)) == (1, 1)


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ({}, {"state": "raised", "sort": "-raised"}),
        ({"state": "", "sort": "grade"}, {"sort": "-risk"}),
        ({"state": "", "sort": "-grade"}, {"sort": "risk"}),
        ({"state": "waiting", "sort": "meter"}, {"shown": "raised", "sort": "meter"}),
        ({"state": "in_inspection", "sort": "no such order"}, {"shown": "in_inspection", "sort": "-raised"}),
        (
            {"state": "cleared", "family": "theft", "urgency": "page", "cursor": "abc", "page": "7"},
            {"state": "cleared", "family": "theft", "urgency": "page", "cursor": "abc", "sort": "-raised"},
        ),
    ],
)
def test_the_address_of_the_alert_list_says_what_the_api_is_asked(address: dict[str, str], asked: object) -> None:
    assert query_of(Selection.of(address, state="raised", sort="-raised")) == asked


def test_the_alert_list_leads_on_and_back_and_keeps_its_filters(
    visit: Visit, archive: Archive, make_alert: MakeAlert
) -> None:
    found = listed(make_alert()).model_copy(update={"next": "on", "count": 10_000, "count_is_more": True})
    page = alert_list(visit, PLACES, Selection.of({"family": "theft"}, state="raised", sort="-raised"), found)
    assert "more than 10,000 alerts" in page
    assert 'href="/alerts?family=theft&amp;state=raised&amp;sort=-raised&amp;cursor=on"' in page
    assert "not acknowledged" in page
    assert "cursor=on&amp;sort" not in page.split("<tbody>")[0].split("<thead>")[1], "another order begins anew"


def test_hazards_come_first_among_tasks_whatever_their_risk(
    make_alert: MakeAlert, make_task: MakeTask, make_snapshot: MakeSnapshot
) -> None:
    tasks = [
        make_task(1, risk=0.99),
        make_task(2, risk=0.3, hazard=True),
        make_task(3, state=TaskState.CLOSED, risk=1.0, hazard=True),
    ]
    snapshot = make_snapshot([make_alert()], tasks)
    everything = select_tasks(snapshot, Selection.of({"state": ""}, state="unfinished", sort="next"))
    assert [t.task_id for t in everything.rows] == ["t-0002", "t-0001", "t-0003"]
    unfinished = select_tasks(snapshot, Selection.of({}, state="unfinished", sort="next"))
    assert [t.task_id for t in unfinished.rows] == ["t-0002", "t-0001"]


def test_an_address_says_the_whole_selection() -> None:
    wanted = Selection.of({"grade": "high", "search": "a&b", "page": "3"}, state="raised", sort="-raised")
    address = wanted.address("/alerts", page=4)
    assert address == "/alerts?grade=high&state=raised&search=a%26b&sort=-raised&page=4"


def test_lists_escape_what_a_feed_brought_in(
    visit: Visit,
    archive: Archive,
    make_alert: MakeAlert,
    make_task: MakeTask,
    make_snapshot: MakeSnapshot,
    make_overview: MakeOverview,
) -> None:
    snapshot = make_snapshot([make_alert(1, meter_id=HOSTILE)], [make_task(1, assignee=HOSTILE, service_point=HOSTILE)])
    told = make_overview(snapshot.alerts, snapshot.tasks)
    wanted = Selection.of({"search": HOSTILE, "area": HOSTILE}, state="", sort="next")
    everything = Selection.of({}, state="", sort="next")
    pages = [
        alert_list(visit, PLACES, wanted, listed(*snapshot.alerts)),
        lists.task_list(visit, snapshot, archive, wanted, select_tasks(snapshot, everything)),
        overview.newest(visit, told, archive.calendar),
        overview.next_tasks(visit, told),
    ]
    for page in pages:
        assert "<img" not in page
        assert "&lt;img" in page


def test_attributes_are_escaped_too() -> None:
    assert el("a", Markup("<b>x</b>"), title='"><script>') == '<a title="&quot;&gt;&lt;script&gt;"><b>x</b></a>'


# --- words


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (AlertState.RAISED, "Suspected"),
        (AlertState.CLEARED, "Suspected"),
        (AlertState.CONFIRMED, "Confirmed"),
        (AlertState.WITHDRAWN, "Not confirmed"),
    ],
)
def test_suspected_until_a_finding_says_otherwise(
    visit: Visit, make_alert: MakeAlert, state: AlertState, word: str
) -> None:
    assert claim(visit, make_alert(1, state=state)).startswith(f"{word}: ")


def test_a_task_says_what_was_found_not_what_was_suspected(
    visit: Visit, visit_zh: Visit, make_alert: MakeAlert, make_task: MakeTask
) -> None:
    task, alerts = make_task(), [make_alert()]
    assert task_claim(visit, task, alerts) == "Suspected: current past the meter (bypass)"
    found = replace(task, finding=TaskFinding(1, confirmed=True, abnormality="register_stopped"))
    assert task_claim(visit, found, alerts) == "Confirmed: register stopped"
    denied = replace(task, finding=TaskFinding(1, confirmed=False, abnormality=None))
    assert task_claim(visit_zh, denied, alerts) == "未查实：绕越计量"


def test_no_screen_shows_who_the_customer_is(
    visit: Visit, archive: Archive, make_alert: MakeAlert, make_task: MakeTask
) -> None:
    alert, task, meter = make_alert(), make_task(), archive.meters[0]
    shown = (
        case.claim_card(visit, alert, archive, meter, alert.raised_at_s, linked=True)
        + case.task_head(visit, task, "x", archive, meter, alert.raised_at_s)
        + case.alert_head(visit, alert, meter, [TaskRef.of(task, names=True)])
    )
    assert "CUSTOMER" not in shown
    assert "M-1" in shown


# --- a case


def test_energy_is_a_range_where_intervals_were_not_read(visit: Visit, make_alert: MakeAlert) -> None:
    alert = make_alert(1, missing_kwh=12.0, unjudged=((1, 2.0), (2, 1.5)))
    energy, note = energy_so_far(visit, alert)
    assert energy == "12 to 15.5 kWh"
    assert note == "intervals not read: 2, up to 3.5 kWh more"
    assert energy_so_far(visit, make_alert(1, missing_kwh=12.0)) == ("12 kWh", None)
    assert energy_so_far(visit, make_alert(1, missing_kwh=329.0, unjudged=((1, 0.3),)))[0] == "329 kWh"
    assert energy_so_far(visit, make_alert()) == ("no energy attached", None)


def facts_of(visit: Visit, alert: Alert) -> str:
    return re.sub(r"<[^>]+>", " ", "".join(worth_facts(visit, alert)))


def test_what_a_claim_is_worth_is_said_with_its_interval(visit: Visit, visit_zh: Visit, make_alert: MakeAlert) -> None:
    priced = make_alert(1, worth=Worth("energy", 3.0, 15.4, 31.0, 1.13, 5.8, 11.69, "CNY"))
    said = facts_of(visit, priced)
    assert "15.4 kWh" in said
    assert "80 % interval: 3 to 31 kWh" in said
    assert "5.80 CNY" in said
    assert "80 % interval: 1.13 to 11.69 CNY" in said
    assert "80 % 区间：1.13 至 11.69 元" in facts_of(visit_zh, priced)
    assert "no tariff known" in facts_of(visit, make_alert(1, worth=Worth("energy", 3.0, 15.4, 31.0)))


def test_a_kind_that_loses_no_energy_says_so(visit: Visit, make_alert: MakeAlert) -> None:
    assert "loses no energy" in facts_of(visit, make_alert(1, worth=Worth("nothing_lost")))
    dear = Worth("price_difference", money_low=10.0, money=55.0, money_high=100.0, currency="CNY")
    assert "registered, at another price" in facts_of(visit, make_alert(1, worth=dear))
    assert "55.00 CNY" in facts_of(visit, make_alert(1, worth=dear))
    assert "Stands for" in facts_of(visit, make_alert(1, missing_kwh=12.0))


def test_the_risk_of_an_alert_and_that_of_the_visit_are_told_apart(
    visit: Visit, visit_zh: Visit, archive: Archive, make_alert: MakeAlert, make_task: Callable[..., InspectionTask]
) -> None:
    alert, task = make_alert(1, risk=0.6), make_task(1, risk=0.9)
    card = case.claim_card(visit, alert, archive, archive.meters[0], DAY_S, linked=False)
    head = case.task_head(visit, task, "Home", archive, archive.meters[0], DAY_S)
    assert "<dt>Risk by this alert</dt><dd>0.60<" in card
    assert "<dt>Risk of the visit</dt><dd>0.90<" in head
    assert "what findings taught" in head
    assert "harm" in case.task_head(visit, replace(task, hazard=True), "Home", archive, archive.meters[0], DAY_S)
    assert not any(f"<dt>{word}</dt>" in page for word in ("Risk", "风险") for page in (card, head))
    assert "本告警的风险" in case.claim_card(visit_zh, alert, archive, archive.meters[0], DAY_S, linked=False)


def test_a_declared_price_is_declared_and_allowed_not_measured(
    visit: Visit, visit_zh: Visit, archive: Archive, make_alert: MakeAlert
) -> None:
    declared = make_alert(1, abnormality="resale", observed=0.6, expected=0.44, unit="CNY/kWh")
    for of, words, others in (
        (visit, ("Declared", "Allowed"), ("Observed", "Expected")),
        (visit_zh, ("申报", "最高允许"), ("实测", "应有")),
    ):
        card = case.claim_card(of, declared, archive, archive.meters[0], DAY_S, linked=False)
        assert all(word in card for word in words)
        assert not any(f">{word}<" in card for word in others)


def test_what_was_used_after_an_account_ended_is_exact(visit: Visit, visit_zh: Visit, make_alert: MakeAlert) -> None:
    used = make_alert(1, worth=Worth("unbilled", 84.5, 84.5, 84.5, 33.8, 33.8, 33.8, "CNY"))
    said = facts_of(visit, used)
    assert "Registered since the account ended, billed to nobody" in said
    assert "84.5 kWh" in said
    assert "33.80 CNY" in said
    assert "interval" not in said
    assert "销户后已计量、未计费" in facts_of(visit_zh, used)


def test_lists_are_sorted_by_what_is_recoverable(make_alert: MakeAlert) -> None:
    assert make_alert(1, missing_kwh=9.0, worth=Worth("energy", 0, 4.0, 8.0)).energy_at_stake_kwh == 4.0
    assert make_alert(1, missing_kwh=9.0).energy_at_stake_kwh == 9.0
    assert make_alert(1, missing_kwh=9.0, worth=Worth("nothing_lost")).energy_at_stake_kwh == 0.0


def test_what_speaks_against_a_suspicion_is_said(visit: Visit, archive: Archive, make_alert: MakeAlert) -> None:
    alert = make_alert(1, reasons=(Reason("d", "the neighbours fell as well", against=True),), unjudged=((1, 2.0),))
    assert "the neighbours fell as well" in "".join(case.reason_lines(visit, alert.reasons, archive, against=True))
    assert case.reason_lines(visit, alert.reasons, archive, against=False) == []
    said = case.known_of_that_time(visit, alert, archive, archive.meters[0], alert.raised_at_s + DAY_S)
    assert any("outage" in s for s in said)
    assert any("not judged: 1." in s for s in said)
    assert not any("work order" in s for s in said), "the work order is another meter's"
    other = replace(alert, meter_id="M-2")
    known = case.known_of_that_time(visit, other, archive, archive.meters[1], alert.raised_at_s)
    assert any("work order" in s for s in known)
    elsewhere = replace(alert, transformer_area="TA-2", meter_id="M-3", reasons=(), unjudged=())
    assert case.known_of_that_time(visit, elsewhere, archive, archive.meters[3], alert.raised_at_s) == []


def test_hazards_put_safety_before_everything(visit: Visit, make_alert: MakeAlert) -> None:
    assert "Safety first" in case.check_card(visit, [make_alert(1, abnormality="overvoltage")])
    assert "Safety first" not in case.check_card(visit, [make_alert()])


def test_history_escapes_notes_and_names_moves(visit: Visit, archive: Archive) -> None:
    trail = [
        AuditEntry("t-1", 1_772_000_000, "meterwatch", "open", "", "open", "risk 0.9"),
        AuditEntry("t-1", 1_772_000_100, "Li Na", "assign", "open", "assigned", HOSTILE),
        AuditEntry("t-1", 1_772_000_200, "Li Na", "a_move_of_tomorrow", "assigned", "assigned"),
    ]
    shown = case.history_card(visit, trail, archive)
    assert "<img" not in shown
    assert re.findall(r"<strong>(.*?)</strong>", shown) == ["a_move_of_tomorrow", "assigned", "opened"]


@pytest.mark.parametrize(
    ("written", "english", "chinese"),
    [
        ("risk 0.912", "risk 0.912", "风险 0.912"),
        (
            "medium to high: risk 0.587 to 0.853",
            "medium to high: risk 0.587 to 0.853",
            "由中改为高：风险 0.587 → 0.853",
        ),
        (
            "risk 0.473; no alert, ranked; most probable bypass 0.28, altered_readings 0.17",
            "most probable current past the meter (bypass) 0.28, readings altered",
            "最可能为绕越计量 0.28、电量数据篡改 0.17",
        ),
        (
            "risk 0.2; exploration: drawn among meters of middling risk; most probable bypass, not visited before",
            "drawn to learn from; most probable current past the meter",
            "抽样检查以供学习；最可能为绕越计量",
        ),
        ("a-0001, a-0002", "a-0001, a-0002", "a-0001, a-0002"),
    ],
)
def test_what_the_machine_wrote_reads_in_both_languages(
    written: str, english: str, chinese: str, visit: Visit, visit_zh: Visit
) -> None:
    entry = AuditEntry("t-1", 1, "meterwatch", "open", "", "open", written)
    assert english in case.trail_words(visit, entry)
    assert chinese in case.trail_words(visit_zh, entry)
    assert case.trail_words(visit_zh, replace(entry, actor="Li Na")) == written, "a person's words stay as they are"


def test_why_this_kind_stands_apart_from_the_three_reasons(
    visit: Visit, archive: Archive, make_alert: MakeAlert
) -> None:
    told = (
        Reason("day_level", "it fell", weight=1.6),
        Reason("kind", "named this rather than that: so", text_zh="判为此而非彼：如此"),
        Reason("day_events", "no event", True, weight=-0.4),
    )
    alert = make_alert(1, reasons=told)
    assert len(case.reason_lines(visit, told, archive, against=False)) == 1
    shown = case.claim_card(visit, alert, archive, None, alert.raised_at_s, linked=False)
    assert shown.index("no event") < shown.index("Why this kind") < shown.index("named this rather than that")


def test_a_task_without_an_alert_says_why_it_was_proposed(
    visit: Visit, archive: Archive, make_task: Callable[..., InspectionTask]
) -> None:
    ranked = RankedCase(
        0.44, (("bypass", 0.59), ("altered_readings", 0.36)), (Reason("day_level", "it fell by a third", weight=1.2),)
    )
    shown = case.ranked_card(visit, ranked, make_task(1, alert_ids=(), risk=0.23), archive)
    for told in ("No alert: proposed by rank", "44 %", "23 %", "59 %", "it fell by a third"):
        assert told in shown
    assert "second cable" in case.check_card(visit, [], [kind for kind, _ in ranked.kinds])
    assert task_claim(visit, make_task(1, alert_ids=()), []) == "Proposed by rank, no alert"


def test_a_reason_as_the_alert_bank_writes_it_reads_in_chinese_and_in_local_time(archive: Archive) -> None:
    area: Area = archive.areas["TA-1"]
    bank = AlertBank(area, archive.calendar)
    strength = np.array([1.0, 0.0, 0.0], dtype=np.float32)
    signal = Signal("use_drop_with_loss", "bypass", strength, np.full(3, 0.25), np.full(3, 1.5), "kWh")
    energy = np.full(3, 0.25)
    step = bank.step([signal], end_s=1_772_323_200, interval_s=3600, energy_kwh=energy, expected_kwh=energy)
    reason = step.changed[0].reasons[0]
    calendar = LocalCalendar("Asia/Shanghai")
    assert reason_words(reason, Words("zh"), calendar) == (
        "绕越计量，自 2026-03-01 07:00 起，实测 0.25 kWh，应有 1.5 kWh",
        "zh-CN",
    )
    english, language = reason_words(reason, Words("en"), calendar)
    assert language == "en"
    assert "2026-03-01 07:00" in english
    assert reason_words(Reason("d", "in English only"), Words("zh"), calendar) == ("in English only", "en")


def test_a_reason_says_what_it_is_worth(visit: Visit, archive: Archive, make_alert: MakeAlert) -> None:
    reasons = (Reason("day_level", "it fell", weight=1.6), Reason("day_balance", "nothing is lost", True, weight=-0.7))
    alert = make_alert(1, reasons=reasons)
    assert "odds × 5" in case.reason_lines(visit, alert.reasons, archive, against=False)[0]
    assert "odds ÷ 2" in case.reason_lines(visit, alert.reasons, archive, against=True)[0]


# --- the control room


def test_a_sparkline_has_a_gap_where_nothing_could_be_balanced() -> None:
    line = overview.sparkline([0.1, 0.1, None, 0.2, 0.1])
    assert line.count("M") == 2
    assert overview.sparkline([None, 0.1]) == ""


@pytest.mark.parametrize(
    "address", ["https://elsewhere/", "//elsewhere", "/\\elsewhere", "javascript:alert(1)", "", "/a\nb"]
)
def test_a_way_back_never_leads_off_the_desk(address: str) -> None:
    assert local_address(address) == "/"
