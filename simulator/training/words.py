"""Words of the training pages, English and Chinese, and the trainer's hints."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from pathlib import Path

from metering.catalogue import CATALOGUE
from simulator.gallery.benign import NAMES_ZH
from simulator.training.points import NOTHING, ORDINARY_KIND, WORK_ORDER
from simulator.world.prices import TARIFF_OF_CLASS

HINTS = Path(__file__).with_name("hints.toml")
HINT_KEYS = ("told_en", "told_zh", "against_en", "against_zh")
CLASSES: Mapping[str, tuple[str, str]] = {
    "residential": ("household", "居民"),
    "commercial": ("shop or office", "商业"),
    "industrial": ("works", "工业"),
    "agricultural": ("farm", "农业"),
    "public": ("public", "公共"),
    "temporary": ("building site", "临时施工"),
}
TARIFFS: Mapping[str, tuple[str, str]] = {
    category: CLASSES[customer_class] for customer_class, category in TARIFF_OF_CLASS.items()
}
BENIGN_ZH: Mapping[str, str] = NAMES_ZH | {
    WORK_ORDER: "有工单的开盖",
    NOTHING: "无事由的表计事件",
    ORDINARY_KIND: "正常用户",
}
EVENTS: Mapping[str, tuple[str, str]] = {
    "power_off": ("power off", "停电"),
    "power_on": ("power on", "上电"),
    "clock_fault": ("clock fault", "时钟故障"),
}
CAPTIONS: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = (
    (
        ("Energy, kWh a day; ▼ events, green: work", "日电量 kWh；▼ 表计事件，绿色：工单"),
        ("Line loss of the area, %", "台区线损率 %"),
        ("Voltage, V: range and mean of each day, by phase", "电压 V：逐日范围与均值（分相）"),
        ("Current, A, mean of each day; dashed: neutral", "电流 A 日均值；虚线：零线"),
    ),
    (
        ("Load by day (across) and hour (down)", "负荷热图：横轴日期，纵轴时刻"),
        ("Mean day, kW: first four weeks grey, last two blue", "平均日曲线 kW：前四周灰，后两周蓝"),
        ("Power factor, mean of each day", "功率因数日均值"),
        ("Register's move less the energies, kWh a day", "示数走字减区间电量 kWh/日"),
    ),
)
AREA_CAPTIONS: tuple[tuple[str, str], tuple[str, str]] = (
    ("Highest load of the transformer, % of its rating", "配变日最大负载率 %"),
    ("Lowest and highest voltage among the customers, V", "用户电压日最低与最高 V"),
)
AREA_ENERGY = ("Energy supplied (blue) and sold (green), kWh a day", "供电量（蓝）与售电量（绿）kWh/日")
VERDICTS: Mapping[str, tuple[str, str]] = {
    "hazard": ("Go at once: there is danger.", "立即去：有危险。"),
    "suspicion": ("Go.", "去现场。"),
    "area": ("Go to the line and the area's own meter, not to a customer.", "去线路和考核表，不针对用户。"),
    "information": ("No inspection: a call, a letter or a work order settles it.", "不必稽查：电话、通知或工单即可。"),
    "benign": ("Do not go.", "不去。"),
    "archive_error": ("Do not go: correct the archive.", "不去：更正档案。"),
    NOTHING: ("Not for this alone; look when somebody is nearby.", "不专程去；顺路时看一眼。"),
}
NOTHING_ON_SITE = ("There is nothing to check on site.", "现场无须检查。")
CHECKS: Mapping[str, tuple[str, str]] = {
    "reading_failed": (
        "Read the meter by hand; change the module or mend the line it talks over.",
        "人工补抄，更换模块或修复通信线路。",
    ),
    "undervoltage": (
        "Measure the voltage along the line in the evening; look for the thin or hot piece.",
        "傍晚沿线测电压，查找过细或发热段。",
    ),
}


def both(english: str, chinese: str) -> str:
    """Text in both languages; the page shows one. Plain text, escaped here."""
    return f'<span lang="en">{escape(english)}</span><span lang="zh-CN">{escape(chinese)}</span>'


@lru_cache(maxsize=1)
def hints() -> Mapping[str, Mapping[str, str]]:
    """By scenario or kind of benign life: how it could have been told, and what to weigh against it."""
    return tomllib.loads(HINTS.read_text(encoding="utf-8"))


def event_words(code: str) -> tuple[str, str]:
    found = CATALOGUE.get(code)
    if found is not None:
        return found.name_en, found.name_zh
    return EVENTS.get(code, (code.replace("_", " "), code))


def check_on_site(abnormality: str) -> tuple[str, str]:
    """What an inspector checks first, by the catalogue."""
    found = CATALOGUE[abnormality]
    if found.check_on_site_en:
        return found.check_on_site_en, found.check_on_site_zh
    return CHECKS.get(abnormality, NOTHING_ON_SITE)
