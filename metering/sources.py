"""What those who give reasons are called, in English and Chinese: detectors, day experts, inspections, people, features of the ranking."""

from __future__ import annotations

from collections.abc import Mapping

#: By name: (English, Chinese).
SOURCES: Mapping[str, tuple[str, str]] = {
    "day_level": ("level of use", "用电水平"),
    "day_shape": ("shape of the day", "日负荷形状"),
    "day_blocks": ("hours that changed", "变化时段"),
    "day_contract": ("contract and kind of use", "合同容量与用电性质"),
    "day_events": ("the meter's own events", "电能表事件"),
    "day_registers": ("registers", "表计示数"),
    "day_circuits": ("voltage and current circuits", "电压电流回路"),
    "day_voltage": ("voltage at the meter", "表端电压"),
    "day_balance": ("the area's balance", "台区电量平衡"),
    "day_area": ("the area's loss", "台区线损"),
    "area_outage": ("supply of the area", "台区供电"),
    "catalogue_rules": ("limits of the catalogue", "目录限值"),
    "voltage_rules": ("phase voltages", "相电压"),
    "current_rules": ("phase currents", "相电流"),
    "neutral_rules": ("neutral", "零线"),
    "stuck_counter": ("standing registers", "示数停走"),
    "meter_errors": ("meter errors", "表计误差"),
    "load_forecast": ("load forecast", "负荷预测"),
    "meter_event": ("a meter's own event", "电能表自身事件"),
    "ranker": ("the ranking", "排序"),
    "exploration": ("a visit to learn from", "抽样检查"),
    "novelty": ("days like no other's", "新异程度"),
    "nothing_found_before": ("nothing found there before", "此前未查实"),
    "found_before": ("something found there before", "此前曾查实"),
    "bias": ("cases in general", "总体查实水平"),
    "case_probability": ("the day as a whole", "当日综合判断"),
    "implied_energy": ("energy by voltage and current", "按电压电流推算电量"),
    "validation_rules": ("validation of readings", "数据校验"),
    "downstream_prices": ("declared prices", "申报转供电价"),
    "frequent_outage": ("outages", "停电统计"),
    "line_loss": ("the hour's loss", "逐时线损"),
    "finding": ("inspection", "现场检查"),
    "kind": ("why this kind", "类别判断"),
    "person": ("a person", "人工判定"),
}


def source_zh(name: str) -> str:
    """The Chinese name; one that has none is shown as it stands.

    >>> source_zh("day_level"), source_zh("somebody_new")
    ('用电水平', 'somebody_new')
    """
    return SOURCES[name][1] if name in SOURCES else name
