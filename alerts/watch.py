"""The rules by which the monitor watches itself: data, and one pure step of hysteresis.

A value at or above `set` for `set_after_s` opens an alert; at or below `recover` for `clear_after_s` ends it. What cannot be
judged neither opens nor ends one: silence is not recovery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from metering.announcement import Urgency
from metering.identity import identity
from metering.watch import WatchStanding

#: Between two judgements further apart than this nobody knows what was: a condition then begins anew.
LONGEST_GAP_S = 60.0
#: An alert that comes again so soon after its end is the same alert's next episode.
RELAPSE_S = 3600.0


@dataclass(frozen=True, slots=True)
class WatchRule:
    """One rule. `metric` names the Prometheus metric that is judged, in `unit`; `subject` what it is judged for."""

    code: str
    metric: str
    unit: str
    subject: str
    name_en: str
    name_zh: str
    do_en: str
    do_zh: str
    set: float
    recover: float
    set_after_s: float
    clear_after_s: float
    urgency: Urgency
    enabled: bool = True


_RULES = (
    WatchRule(
        "judging_stopped", "meterwatch_partitions_unheld", "partitions", "role",
        "No worker holds some partitions", "部分分区无工作进程处理",
        "Start a worker, or read the last lines of the one that ended: what it says there is the reason.",
        "启动工作进程；若刚退出，请查看其日志末尾的原因。",
        set=1, recover=0, set_after_s=120, clear_after_s=30, urgency="page",
    ),
    WatchRule(
        "partition_paused", "meterwatch_partitions_paused", "partitions", "role",
        "A partition is paused by dead letters", "分区因死信过多而暂停",
        "Look at `meterwatch dead-letters list`, mend the sender, then `meterwatch dead-letters accept --by NAME`.",
        "查看 `meterwatch dead-letters list`，修复发送端后执行 `meterwatch dead-letters accept --by NAME`。",
        set=1, recover=0, set_after_s=0, clear_after_s=0, urgency="page",
    ),
    WatchRule(
        "log_behind", "meterwatch_lag_messages", "messages", "role",
        "Messages pile up in the log", "消息积压",
        "Start another worker; look which store is slow (`meterwatch doctor`).",
        "增加工作进程；用 `meterwatch doctor` 查看哪个存储变慢。",
        set=10_000, recover=1_000, set_after_s=600, clear_after_s=60, urgency="page",
    ),
    WatchRule(
        "clock_behind", "meterwatch_lag_event_seconds", "s", "role",
        "What is judged is old", "研判时间落后",
        "Nothing waits in the log? Then the sender or the ticker is silent. Much waits? Then see `log_behind`.",
        "若无积压，则发送端或时钟消息中断；若有积压，见 `log_behind`。",
        set=7_200, recover=5_400, set_after_s=300, clear_after_s=300, urgency="page",
    ),
    WatchRule(
        "areas_silent", "meterwatch_areas_silent", "areas", "",
        "Transformer areas are silent", "台区无数据上送",
        "Look at the areas' concentrators and their link.",
        "检查相关台区的集中器及其通信。",
        set=1, recover=0, set_after_s=900, clear_after_s=300, urgency="morning",
    ),
    WatchRule(
        "many_areas_silent", "meterwatch_areas_silent_ratio", "1", "",
        "Many transformer areas are silent", "大量台区无数据上送",
        "So many at once is the head-end, the network or the publisher: look there first.",
        "同时大量中断多为主站前置、网络或发布程序故障，请先检查这些环节。",
        set=0.2, recover=0.05, set_after_s=300, clear_after_s=300, urgency="page",
    ),
    WatchRule(
        "checkpoint_old", "meterwatch_checkpoint_age_seconds", "s", "role",
        "What was judged is not saved", "研判结果未能保存",
        "Is the database there (`meterwatch doctor`)? For the archive role: is InfluxDB there?",
        "检查数据库（`meterwatch doctor`）；归档角色请检查 InfluxDB。",
        set=60, recover=10, set_after_s=60, clear_after_s=30, urgency="page",
    ),
    WatchRule(
        "worker_silent", "meterwatch_heartbeat_age_seconds", "s", "worker",
        "A worker has fallen silent", "工作进程无心跳",
        "Nobody has taken its partitions over: is its machine alive? Start it again.",
        "其分区尚未被接管：检查所在主机并重新启动。",
        set=60, recover=30, set_after_s=0, clear_after_s=30, urgency="page",
    ),
    WatchRule(
        "upkeep_stuck", "meterwatch_upkeep_age_seconds", "s", "worker",
        "A worker's upkeep stands still", "工作进程的后台任务停滞",
        "Closing a day may take minutes; beyond that read the worker's log, then restart it.",
        "日结可能需要数分钟；若更久，请查看日志并重启。",
        set=900, recover=60, set_after_s=0, clear_after_s=30, urgency="morning",
    ),
    WatchRule(
        "part_failing", "meterwatch_part_failing_seconds", "s", "worker/part",
        "A part of the upkeep keeps failing", "后台任务持续失败",
        "The alert names the part and its last error.",
        "告警中给出失败的部分及最近一次错误。",
        set=300, recover=0, set_after_s=0, clear_after_s=60, urgency="morning",
    ),
    WatchRule(
        "points_waiting", "meterwatch_outbox_age_seconds", "s", "",
        "Points wait for the time-series store", "时序数据积压",
        "Is InfluxDB there, and does its token still hold? Judging goes on meanwhile; curves stand still.",
        "检查 InfluxDB 及其令牌；研判不受影响，但曲线停止更新。",
        set=600, recover=60, set_after_s=0, clear_after_s=60, urgency="morning",
    ),
    WatchRule(
        "relay_waiting", "meterwatch_outbox_age_seconds", "s", "",
        "What people decided is not on the log", "人工处理结果未写入日志",
        "Findings and decisions wait: is a judging worker running, and Kafka there?",
        "检查结论和决定在等待：确认研判进程和 Kafka 正常。",
        set=120, recover=10, set_after_s=0, clear_after_s=30, urgency="morning",
    ),
    WatchRule(
        "notifications_waiting", "meterwatch_outbox_age_seconds", "s", "",
        "Notifications are not delivered", "通知未送达",
        "Look at the channel's last error on the desk; until it is mended watch the desk itself.",
        "在工作台查看通道最近的错误；修复前请直接查看工作台。",
        set=300, recover=30, set_after_s=0, clear_after_s=60, urgency="page",
    ),
    WatchRule(
        "dead_letters", "meterwatch_dead_letter_ratio", "1", "",
        "Messages cannot be read", "消息无法解析",
        "See why with `meterwatch dead-letters list`; retry or accept them there.",
        "用 `meterwatch dead-letters list` 查看原因，修复后重试或接受。",
        set=0.001, recover=0.0, set_after_s=0, clear_after_s=900, urgency="morning",
    ),
    WatchRule(
        "points_refused", "meterwatch_points_refused", "points", "",
        "The time-series store refuses points", "时序库拒绝写入",
        "The worker's log names the points: wrong type, or older than the bucket's retention.",
        "工作进程日志列出被拒的数据：类型错误或超出保存期限。",
        set=1, recover=0, set_after_s=0, clear_after_s=900, urgency="morning",
    ),
    WatchRule(
        "model_old", "meterwatch_model_age_seconds", "s", "",
        "Days do not close", "日结停滞",
        "A day waits for every partition: look which one stands still, and whether a judging worker runs.",
        "日结须等待全部分区：查看哪个分区停滞，以及研判进程是否在运行。",
        set=36 * 3600, recover=31 * 3600, set_after_s=900, clear_after_s=0, urgency="morning",
    ),
)  # fmt: skip

RULES: Mapping[str, WatchRule] = {rule.code: rule for rule in _RULES}

#: Before a rule's code, where an announcement gives the kind of what it says.
KIND = "watch:"


def rule_of(kind: str) -> WatchRule | None:
    """The rule behind the kind of an announcement; None for everything that is not the monitor's own.

    >>> rule_of("watch:model_old").unit, rule_of("bypass")
    ('s', None)
    """
    return RULES.get(kind.removeprefix(KIND)) if kind.startswith(KIND) else None


#: Why something could not be judged, in words.
WHY_NOT: Mapping[str, tuple[str, str]] = {
    "no_worker": ("no living worker reports it", "没有存活的工作进程上报"),
    "old_days": ("the log carries days long past, not the present", "日志中是历史数据，并非实时"),
    "no_day": ("no day has closed or waits yet", "尚无可日结的日期"),
    "nothing_handled": ("no message came in the last quarter of an hour", "最近一刻钟没有消息"),
    "log_silent": ("the log did not say where it ends", "日志未返回末端位置"),
    "unknown_age": ("the oldest entry is from before ages were kept", "最早条目没有记录时间"),
    "gone": ("nothing is heard of it any more", "不再有其消息"),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A rule's value now, None where it cannot be judged (`why_not`); `which` names what it is about, the worst first."""

    rule: str
    subject: str
    value: float | None
    which: tuple[str, ...] = ()
    why_not: str = ""


def judge(rule: WatchRule, before: WatchStanding | None, measured: Measured, now_s: float) -> WatchStanding:
    """Where the rule stands after this measurement.

    >>> rule, at = RULES["judging_stopped"], lambda v: Measured("judging_stopped", "judge", v)
    >>> first = judge(rule, None, at(3.0), 0.0)
    >>> first.state, judge(rule, judge(rule, first, at(3.0), 60.0), at(3.0), 120.0).state
    ('normal', 'abnormal')
    """
    standing = before or WatchStanding(rule.code, measured.subject, None, now_s)
    unbroken = now_s - standing.judged_at_s <= LONGEST_GAP_S
    standing = replace(
        standing,
        value=measured.value,
        judged_at_s=now_s,
        crossed_at_s=standing.crossed_at_s if unbroken else None,
        which=measured.which,
        why_not=measured.why_not if measured.value is None else "",
    )
    if measured.value is None:
        return replace(standing, crossed_at_s=None)
    crossed = measured.value <= rule.recover if standing.open else measured.value >= rule.set
    if not crossed:
        return replace(standing, crossed_at_s=None)
    since_s = now_s if standing.crossed_at_s is None else min(now_s, standing.crossed_at_s)
    if now_s - since_s < (rule.clear_after_s if standing.open else rule.set_after_s):
        return replace(standing, crossed_at_s=since_s)
    return _ended(standing, now_s) if standing.open else _opened(standing, now_s)


def urgency_of(rule: WatchRule, subject: str) -> Urgency:
    """Nobody is woken because raw readings reach the time-series store late: judging goes on, and nothing is lost.

    >>> urgency_of(RULES["log_behind"], "judge"), urgency_of(RULES["log_behind"], "archive")
    ('page', 'morning')
    """
    return "morning" if subject == "archive" and rule.urgency == "page" else rule.urgency


def _opened(standing: WatchStanding, now_s: float) -> WatchStanding:
    relapse = standing.ended_at_s is not None and now_s - standing.ended_at_s <= RELAPSE_S
    return replace(
        standing,
        open=True,
        crossed_at_s=None,
        opened_at_s=now_s,
        ended_at_s=None,
        episode=standing.episode + 1 if relapse else 1,
        alert_id=standing.alert_id if relapse else identity("watch", standing.rule, standing.subject, int(now_s)),
    )


def _ended(standing: WatchStanding, now_s: float) -> WatchStanding:
    return replace(standing, open=False, crossed_at_s=None, ended_at_s=now_s)
