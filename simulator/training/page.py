"""The two pages of the training pack: the exercise, and its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from metering.catalogue import CATALOGUE
from simulator.gallery.page import STYLE
from simulator.training.figure import Seen
from simulator.training.points import ORDINARY_KIND, Point
from simulator.training.words import (
    AREA_CAPTIONS,
    AREA_ENERGY,
    BENIGN_ZH,
    CAPTIONS,
    CLASSES,
    NOTHING_ON_SITE,
    TARIFFS,
    VERDICTS,
    both,
    check_on_site,
    event_words,
    hints,
)

OWN_STYLE = Path(__file__).with_name("page.css")
#: Events listed by name under a figure; a long outage record is cut.
EVENTS_LISTED = 12
METHOD: tuple[tuple[str, str], ...] = (
    (
        "Danger first. Voltages far off, a broken neutral, a hot joint, an overload: whoever sees it goes, whatever it costs.",
        "先看危险：电压严重异常、断零、接头发热、过载，发现即去，不计电量多少。",
    ),
    (
        "When did it begin, and did it stay? Look at the energy by day and at the map: an edge is an event, a slope a season.",
        "何时开始、是否持续？看日电量与热图：突变是事件，渐变是季节。",
    ),
    (
        "Does the area's balance answer? What passes no meter raises the loss by as much; what is not used does not.",
        "台区平衡有无呼应？绕过电能表的会使线损同量上升，没用的不会。",
    ),
    (
        "Does the meter agree with itself? Energy with voltage times current, line with neutral, register with energies.",
        "电能表自身是否一致？电量与电压×电流、火线与零线、示数与区间电量。",
    ),
    (
        "What was allowed? Work orders, outages, meter exchanges and the calendar explain more than thieves do.",
        "什么是允许的？工单、停电、换表和日历能解释的远多于窃电。",
    ),
    (
        "Then decide: go, call, or wait and watch. Until a finding says otherwise it is suspected, nothing more. Two go, both sign, nobody is warned.",
        "然后决定：去、打电话或继续观察。查实之前只是“疑似”。两人同行、共同签字、不得泄露。",
    ),
)


def exercise_page(seen: Sequence[Seen], figures: Sequence[tuple[str, str]], weather: str) -> str:
    """What an inspector sees of each numbered service point, and the questions. `figures` are two rows of panels each."""
    return _page(("Exercise: would you go?", "练习：你会去现场吗？"), _exercise(seen, figures, weather))


def answers_page(seen: Sequence[Seen], unmetered_kwh: Sequence[float], figures: Sequence[str]) -> str:
    """By number: what it was, since when, how one could have told."""
    return _page(("Answers", "答案"), _answers(seen, unmetered_kwh, figures))


def _page(title: tuple[str, str], body: Iterator[str]) -> str:
    style = STYLE.read_text(encoding="utf-8") + OWN_STYLE.read_text(encoding="utf-8")
    languages = (
        '<p class="languages"><label><input type="radio" name="language" id="english" checked> English</label>'
        '<label><input type="radio" name="language" id="chinese"> 中文</label></p>'
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Meterwatch: {escape(title[0])}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{languages}\n<h1>{both(*title)}</h1>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _exercise(seen: Sequence[Seen], figures: Sequence[tuple[str, str]], weather: str) -> Iterator[str]:
    province = seen[0].province
    days, areas = province.days, len(province.worlds)
    yield (
        "<p>"
        + both(
            f"{len(seen)} numbered service points of a simulated province of {areas} transformer areas over {days} days. Some are abnormal, "
            "some only look like it, some are ordinary. Judge each by what is shown; then open answers.html.",
            f"以下是一个模拟省份（{areas} 个台区、{days} 天）中的 {len(seen)} 个编号计量点：有的异常，有的只是像，有的正常。"
            "请仅凭所示内容判断，然后打开 answers.html。",
        )
        + "</p>"
    )
    steps = "".join(f"<li>{both(*step)}</li>" for step in METHOD)
    yield f'<h2>{both("How to look", "怎样看")}</h2>\n<ol class="method">{steps}</ol>'
    holidays = ", ".join(f"{day:%m-%d}" for day in sorted(province.archive.holidays))
    yield f"<h2>{both('The weather and the calendar', '天气与日历')}</h2>"
    yield f"<p>{both('Temperature outside, °C: range and mean of each day.', '室外温度 °C：逐日范围与均值。')} {both('Public holidays', '法定节假日')}: {holidays or '-'}</p>"
    yield f'<div class="figure">{weather}</div>'
    for number, (point, rows) in enumerate(zip(seen, figures, strict=True), start=1):
        yield _question(number, point, rows)


def _question(number: int, seen: Seen, rows: tuple[str, str]) -> str:
    upper, lower = CAPTIONS
    if seen.point.of_area:
        upper, lower = (AREA_ENERGY, *upper[1:]), (*lower[:2], *AREA_CAPTIONS)
    drawn = "".join(
        f'<div class="captions">{"".join(f"<div>{both(*caption)}</div>" for caption in captions)}</div>{figure}'
        for captions, figure in ((upper, rows[0]), (lower, rows[1]))
    )
    facts = "".join(f"<div><dt>{both(*what)}</dt><dd>{value}</dd></div>" for what, value in _facts(seen))
    return (
        f'<article id="p{number}">\n<header><h3>{number}</h3><span>{_what(seen.point)}</span></header>\n'
        f'<dl>{facts}</dl>\n<div class="figure">{drawn}</div>\n{_records(seen)}\n{_asked(number)}\n</article>'
    )


def _what(point: Point) -> str:
    if point.of_area:
        return both("a whole transformer area, by its supply meter", "整个台区（考核表）")
    return both(*CLASSES[point.meter.customer_class or "residential"])


def _facts(seen: Seen) -> Iterator[tuple[tuple[str, str], str]]:
    """What the archive says: never who or where."""
    meter, area = seen.point.meter, seen.province.archive.areas[seen.area]
    customers = int((~area.is_supply).sum())
    if seen.point.of_area:
        yield ("transformer", "配变"), f"{meter.rated_kva:.0f} kVA"
        yield ("customers", "用户数"), f"{customers}"
        yield ("current transformers", "互感器"), f"{5 * (meter.ct_ratio or 1):.0f}/5 A"
        return
    yield ("contract", "合同容量"), f"{meter.contracted_kw:.0f} kW"
    yield ("connection", "接线"), both("three phases", "三相") if meter.phases == 3 else both("single-phase", "单相")
    if meter.ct_ratio is not None:
        yield ("current transformers", "互感器"), f"{5 * meter.ct_ratio:.0f}/5 A"
    yield ("tariff", "电价"), both(*TARIFFS.get(meter.tariff_category or "", ("-", "-")))
    yield ("generation in the archive", "档案电源"), both("yes", "有") if meter.has_generation else both("none", "无")
    yield ("its area", "所属台区"), both(f"{customers} customers", f"{customers} 户")


def _records(seen: Seen) -> str:
    """Events, work orders and outages by date, as the systems hold them."""
    lines = []
    begins_s, calendar = int(seen.recorded.start_s[0]), seen.province.calendar

    def when(day: float) -> str:
        return f"{calendar.local(begins_s + round(day * 86_400)):%m-%d %H:%M}"

    told = [(day, code) for day, code in seen.events if not _explained(seen, day, code)]
    power = len(seen.events) - len(told)
    lines += [f"{when(day)} {both(*event_words(code))}" for day, code in told[:EVENTS_LISTED]]
    if len(told) > EVENTS_LISTED:
        lines.append(both(f"and {len(told) - EVENTS_LISTED} more", f"另有 {len(told) - EVENTS_LISTED} 条"))
    if power:
        lines.append(
            both(f"power off or on in outages of the area: {power} reports", f"台区停电期间的停电或上电记录 {power} 条")
        )
    lines += [f"{when(first)} {both('work order until', '工单至')} {when(last)}" for first, last in seen.works]
    if seen.outages:
        lines.append(both(f"outages of the area (grey): {len(seen.outages)}", f"台区停电（灰）{len(seen.outages)} 次"))
    if not lines:
        return f"<p>{both('No meter event, work order or outage.', '无表计事件、工单或停电。')}</p>"
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def _explained(seen: Seen, day: float, code: str) -> bool:
    """Whether an event says no more than that the whole area had no power."""
    a_minute = 1 / 1440
    outages = any(first - a_minute <= day <= last + a_minute for first, last in seen.outages)
    return code in ("power_off", "power_on") and outages


def _asked(number: int) -> str:
    choices = (("go", "去"), ("call first", "先打电话"), ("wait and watch", "继续观察"), ("no", "不去"))
    go = "".join(f'<label><input type="radio" name="go{number}"> {both(*choice)}</label>' for choice in choices)
    return (
        f'<div class="questions"><div><b>{both("Would you go?", "你会去吗？")}</b><br>{go}</div>'
        f"<div><b>{both('What do you suspect, since when?', '怀疑什么，自何时起？')}</b><textarea></textarea></div>"
        f"<div><b>{both('What would you check first on site?', '到现场先查什么？')}</b><textarea></textarea></div></div>"
    )


# --- answers


def _answers(seen: Sequence[Seen], unmetered_kwh: Sequence[float], figures: Sequence[str]) -> Iterator[str]:
    abnormal = sum(s.point.case is not None for s in seen)
    yield (
        "<p>"
        + both(
            f"{abnormal} of {len(seen)} are abnormal, {len(seen) - abnormal} are not. A visit to one that is not costs as much as one that was missed.",
            f"{len(seen)} 个中 {abnormal} 个异常，{len(seen) - abnormal} 个正常。白跑一趟与漏查一户代价相当。",
        )
        + "</p>"
    )
    heads = (
        ("No.", "编号"),
        ("what it was", "实际情况"),
        ("since", "起始"),
        ("kWh not metered", "未计电量 kWh"),
        ("go?", "去否"),
    )
    rows = "".join(_row(n, s, kwh) for n, (s, kwh) in enumerate(zip(seen, unmetered_kwh, strict=True), start=1))
    head = "".join(f"<th>{both(*words)}</th>" for words in heads)
    yield f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    for number, (point, kwh, figure) in enumerate(zip(seen, unmetered_kwh, figures, strict=True), start=1):
        yield _answer(number, point, kwh, figure)


def _row(number: int, seen: Seen, kwh: float) -> str:
    return (
        f'<tr><td><a href="#p{number}">{number}</a></td><td>{_name(seen.point)}</td><td>{_time(seen, seen.point.since_s)}</td>'
        f'<td class="n">{_kwh(seen.point, kwh)}</td><td>{both(*_verdict(seen.point))}</td></tr>'
    )


def _answer(number: int, seen: Seen, kwh: float, figure: str) -> str:
    point, said = seen.point, hints()[seen.point.kind]
    against = ("What would have spoken for a harmless reason", "哪些情况说明无害")
    told = ("How one could have told", "如何判断")
    if point.case is None:
        against, told = (
            ("What would have made a visit right", "什么情况下应去"),
            ("What shows that it is harmless", "为何无害"),
        )
    lines = [
        (("Since", "起始"), _time(seen, point.since_s)),
        (("Until", "结束"), _time(seen, point.until_s) if point.since_s is not None else "-"),
        (("Not metered", "未计电量"), f"{_kwh(point, kwh)} kWh"),
        (told, both(said["told_en"], said["told_zh"])),
        (against, both(said["against_en"], said["against_zh"])),
        (("On site", "现场检查"), both(*_checks(point))),
        (("Besides", "此外"), _besides(seen)),
        (("In the feed", "数据文件中"), f"<code>{', '.join(point.meter_ids)}</code>"),
    ]
    if point.case is not None:
        hidden = both("yes", "是") if point.case.hidden else both("no", "否")
        lines.insert(3, (("Drawn", "参数"), escape(point.case.story)))
        lines.insert(4, (("Easily overlooked on site", "现场易被忽略"), hidden))
    entries = "".join(f"<dt>{both(*what)}</dt><dd>{value}</dd>" for what, value in lines)
    caption = both("Reported (blue) and truly drawn (amber), kWh a day", "上报（蓝）与实际（黄）kWh/日")
    return (
        f'<article id="p{number}">\n<header><h3><a href="exercise.html#p{number}">{number}</a></h3><span>{_name(point)}</span>'
        f'<span class="verdict">{both(*_verdict(point))}</span></header>\n<div class="answer"><dl>{entries}</dl>'
        f'<div><p class="muted">{caption}</p>{figure}</div></div>\n</article>'
    )


def _besides(seen: Seen) -> str:
    """Other benign life at the same service point."""
    point = seen.point
    others = [c for c in seen.life if c != point.change and (c.kind, c.start_s) != (point.kind, point.since_s)]
    said = [
        f"{both(c.kind.replace('_', ' '), BENIGN_ZH[c.kind])} {seen.province.calendar.local(c.start_s):%m-%d}"
        for c in others
        if c.start_s < seen.province.end_s
    ]
    return ", ".join(said) or "-"


def _name(point: Point) -> str:
    words = point.kind.replace("_", " ")
    if point.case is None:
        return both(words, BENIGN_ZH[point.kind])
    found = CATALOGUE[point.case.abnormality]
    named = found.name_en if found.name_en.startswith(words) else f"{words}: {found.name_en}"
    return both(named, f"{found.name_zh}（{words}）")


def _verdict(point: Point) -> tuple[str, str]:
    if point.case is None:
        return VERDICTS.get(point.kind, VERDICTS["benign"])
    return VERDICTS[CATALOGUE[point.case.abnormality].lane]


def _checks(point: Point) -> tuple[str, str]:
    return NOTHING_ON_SITE if point.case is None else check_on_site(point.case.abnormality)


def _kwh(point: Point, kwh: float) -> str:
    return "0" if point.case is None else f"{kwh + 0.0:,.0f}".replace("-0", "0")


def _time(seen: Seen, moment_s: int | None) -> str:
    if moment_s is None:
        ordinary = seen.point.kind == ORDINARY_KIND
        return "-" if ordinary else both("the feed's end", "数据结束")
    if moment_s >= seen.province.end_s:
        return both("the feed's end", "数据结束")
    return f"{seen.province.calendar.local(moment_s):%Y-%m-%d %H:%M}"
