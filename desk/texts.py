"""Every word on a screen, in English and Simplified Chinese. A screen says *suspected* until a finding says otherwise;
an alert is the machine's claim, a task is people's work, and no text mixes the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from metering.catalogue import CATALOGUE
from metering.sources import SOURCES

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


class Text(NamedTuple):
    en: str
    zh: str


TEXTS: Mapping[str, Text] = {
    # --- the frame of every page
    "brand": Text("Meterwatch", "计量在线监测"),
    "nav.overview": Text("Control room", "监控室"),
    "nav.alerts": Text("Alerts", "告警"),
    "nav.tasks": Text("Inspection tasks", "稽查任务"),
    "nav.findings": Text("Findings", "检查结论"),
    "nav.quality": Text("Data quality", "数据质量"),
    "nav.told": Text("Notifications", "通知"),
    "nav.label": Text("Main navigation", "主导航"),
    "nav.skip": Text("Skip to content", "跳到正文"),
    "language.other": Text("中文", "English"),
    "theme.dark": Text("Dark", "深色"),
    "theme.light": Text("Light", "浅色"),
    "clock.label": Text("readings judged up to", "读数已研判至"),
    "clock.none": Text("no readings yet", "尚无读数"),
    "footer.note": Text(
        "Alerts are suspicions made by a machine. A person decides. Estimated energy is evidence, never the bill.",
        "告警只是机器提出的疑点，由人作出决定。估算电量仅作证据，不作为电费依据。",
    ),
    "footer.curves": Text(
        "Load curves are personal data: each view is logged with your name and its purpose.",
        "负荷曲线属于个人信息：每次查看都会记录查看人和用途。",
    ),
    # --- trouble
    "trouble.unavailable": Text("The store cannot be reached just now", "暂时无法访问数据库"),
    "trouble.unavailable_do": Text(
        "Nothing is lost: readings wait in the log. Reload this page in a moment; if it stays, run “meterwatch doctor”.",
        "数据不会丢失：读数在消息日志中等待。请稍后刷新；若持续如此，请运行“meterwatch doctor”。",
    ),
    "trouble.no_curve": Text("The time-series store cannot be reached just now: no curve.", "暂时无法访问时序库，无法显示曲线。"),
    "trouble.refused": Text("This address asks for something that there is none of", "此地址的筛选条件无效"),
    "trouble.missing": Text("Nothing here has this number", "没有这个编号的记录"),
    "trouble.missing_do": Text("Check the link, or look it up in the list.", "请检查链接，或在列表中查找。"),
    # --- grades, states, families
    "grade.high": Text("high", "高"),
    "grade.medium": Text("medium", "中"),
    "grade.low": Text("low", "低"),
    "hazard": Text("hazard", "安全隐患"),
    "alert_state.raised": Text("open", "未消除"),
    "alert_state.cleared": Text("cleared by itself", "自行消除"),
    "alert_state.confirmed": Text("confirmed", "已查实"),
    "alert_state.withdrawn": Text("not confirmed", "未查实"),
    "shown_state.raised": Text("not acknowledged", "待确认"),
    "shown_state.acknowledged": Text("acknowledged", "已确认"),
    "shown_state.in_inspection": Text("in inspection", "检查中"),
    "shown_state.cleared": Text("cleared by itself", "自行消除"),
    "shown_state.confirmed": Text("confirmed", "已查实"),
    "shown_state.withdrawn": Text("not confirmed", "未查实"),
    "shown_state.suspected": Text("suspected", "疑似"),
    "urgency.page": Text("at once, day and night", "立即，昼夜"),
    "urgency.morning": Text("with the morning list", "随晨间清单"),
    "urgency.none": Text("shown only", "仅显示"),
    "task_state.open": Text("open", "待派"),
    "task_state.assigned": Text("assigned", "已派"),
    "task_state.on_site": Text("on site", "现场"),
    "task_state.found": Text("finding recorded", "已有结论"),
    "task_state.closed": Text("closed", "已归档"),
    "task_state.withdrawn": Text("withdrawn", "已撤回"),
    "family.energy": Text("energy", "电量异常"),
    "family.electrical": Text("electrical", "电压电流异常"),
    "family.theft": Text("theft", "异常用电"),
    "family.load": Text("load", "负荷异常"),
    "family.clock": Text("clock", "时钟异常"),
    "family.wiring": Text("wiring", "接线异常"),
    "family.communication": Text("communication", "采集异常"),
    "family.line_loss": Text("line loss", "线损异常"),
    "family.archive": Text("archive", "档案异常"),
    "family.data_quality": Text("data quality", "数据质量"),
    "family.novelty": Text("novelty", "新异模式"),
    "lane.hazard": Text("hazards", "安全隐患"),
    # --- how sure
    "claim.suspected": Text("Suspected: {what}", "疑似：{what}"),
    "claim.confirmed": Text("Confirmed: {what}", "已查实：{what}"),
    "claim.not_confirmed": Text("Not confirmed: {what}", "未查实：{what}"),
    "claim.ranked": Text("Most likely: {what} (no alert)", "最可能：{what}（无告警）"),
    "claim.of_rank": Text("Proposed by rank, no alert", "按排序提出，无告警"),
    "claim.area": Text("whole area", "整个台区"),
    # --- the control room
    "overview.title": Text("Control room", "监控室"),
    "tile.readings_in": Text("Readings in", "收到读数"),
    "tile.accepted": Text("{share} accepted", "有效 {share}"),
    "tile.set_aside": Text("Set aside", "剔除"),
    "tile.set_aside_none": Text("nothing set aside", "无剔除"),
    "tile.late": Text("Late", "迟到"),
    "tile.late_note": Text("stored, never learnt", "入库但不学习"),
    "tile.dead": Text("Dead-lettered", "死信"),
    "tile.dead_note": Text("could not be read", "无法解析"),
    "tile.hazards": Text("Open hazards", "安全隐患"),
    "tile.hazards_note": Text("ranked by harm, not by energy", "按危害而非电量排序"),
    "tile.alerts": Text("Open alerts", "未消除告警"),
    "tile.alerts_note": Text("{high} high · {medium} medium · {low} low", "高 {high} · 中 {medium} · 低 {low}"),
    "tile.tasks": Text("Open tasks", "未完成任务"),
    "tile.tasks_note": Text("{overdue} overdue", "逾期 {overdue}"),
    "tile.areas": Text("Transformer areas", "台区"),
    "tile.areas_note": Text("{meters} meters", "{meters} 块电能表"),
    "tile.day": Text("Last closed day", "最近闭合日"),
    "tile.day_none": Text("none yet", "尚无"),
    "reason.repeated": Text("repeated", "重复"),
    "reason.time": Text("impossible time", "时间异常"),
    "reason.unknown_meter": Text("unknown meter", "未知电能表"),
    "reason.not_a_number": Text("not a number", "非数值"),
    "reason.negative": Text("negative", "负值"),
    "reason.impossible": Text("impossible value", "不可能值"),
    "reason.interval": Text("off the interval grid", "时段不符"),
    "reason.type": Text("wrong type", "类型错误"),
    "reason.too_late": Text("too late", "过晚"),
    "overview.set_aside": Text("Set aside, by reason", "剔除原因"),
    "overview.families": Text("Open alerts by family", "各类未消除告警"),
    "overview.watch": Text("The monitor itself", "监测系统自身"),
    "overview.hazards": Text("Hazards", "安全隐患"),
    "overview.hazards_none": Text("No open hazard.", "当前无安全隐患。"),
    "overview.areas": Text("Transformer areas", "台区"),
    "overview.areas_shown": Text("{shown} of {all}, most open alerts first", "共 {all} 个，按告警数显示前 {shown} 个"),
    "overview.newest": Text("Newest alerts", "最新告警"),
    "overview.newest_none": Text("No open alert.", "当前无告警。"),
    "overview.next_tasks": Text("Tasks to do next", "待办任务"),
    "overview.next_tasks_none": Text("No open task.", "当前无任务。"),
    "overview.all": Text("all", "全部"),
    "area.loss": Text("Loss, last 24 h", "近24小时线损"),
    "area.loss_course": Text("Course", "走势"),
    "area.unknown_loss": Text("not computable", "不可计算"),
    "overview.areas_shown_of": Text("{shown} of {all}", "{all} 条中的 {shown} 条"),
    # --- what people were told
    "told.note": Text(
        "What was put into the outbox for people, newest first: grouped by cause and feeder, suspicions once each morning.",
        "已进入发件箱的通知（最新在前）：按原因和线路合并，疑点每日早间汇总一次。",
    ),
    "told.nothing": Text("Nobody had to be told of anything yet.", "尚无需要通知的事项。"),
    "told.made": Text("Made", "时间"),
    "told.kind": Text("What", "类型"),
    "told.channel": Text("Channel", "渠道"),
    "told.lines": Text("About", "内容"),
    "told.state": Text("Delivery", "送达"),
    "told.more": Text("and {count} more", "另有 {count} 条"),
    "told.left_out": Text("not listed: {count} {why}", "未列入：{why} {count} 条"),
    "told.check": Text("check visit, nothing is suspected", "抽查（无疑点）"),
    "told.silence": Text("a silence ends", "静默即将到期"),
    "told.why.unchanged": Text("unchanged", "无变化"),
    "told.why.no_room": Text("beyond today's visits", "超出当日检查能力"),
    "told.why.no_room_although_due": Text("due and beyond today's visits", "已到期但超出检查能力"),
    "told.why.not_listed": Text("more in the digest", "汇总未列"),
    "told.kind.page": Text("begins", "发生"),
    "told.kind.update": Text("more of it", "追加"),
    "told.kind.ended": Text("over", "恢复"),
    "told.kind.digest": Text("digest", "汇总"),
    "told.kind.escalation": Text("nobody answered", "升级"),
    "told.kind.handover": Text("handover", "交接班"),
    "told.kind.morning": Text("list of the day", "今日任务"),
    "told.kind.notice": Text("notice", "提醒"),
    "told.turn.raised": Text("began", "发生"),
    "told.turn.returned": Text("came back", "再次出现"),
    "told.turn.flapping": Text("comes and goes", "时有时无"),
    "told.turn.cleared": Text("over", "恢复"),
    "told.turn.confirmed": Text("confirmed", "查实"),
    "told.turn.withdrawn": Text("withdrawn", "撤回"),
    "suspected.title": Text("Suspected, no alert yet", "疑似，尚未告警"),
    "suspected.link": Text("suspected, no alert yet: {count}", "疑似，尚未告警：{count}"),
    "suspected.note": Text(
        "These conditions hold, but not yet as long as they must. Nobody is told of them; most go by themselves.",
        "这些情况已出现，但持续时间未达告警要求。不通知任何人，多数会自行消失。",
    ),
    "suspected.back": Text("to the alerts", "返回告警"),
    "suspected.since": Text("since", "起始"),
    "suspected.progress": Text("held", "已持续"),
    "suspected.minutes": Text("{held} of {must} min", "{held} / {must} 分钟"),
    "suspected.hours": Text("{held} of {must} h", "{held} / {must} 小时"),
    "suspected.figures": Text("observed / expected", "实测 / 预期"),
    "turns.title": Text("Who was told of it", "通知情况"),
    "turns.said": Text("announced at once", "已即时通知"),
    "turns.listed": Text("for the list of the morning", "列入早间清单"),
    "turns.silence": Text("held back: silenced by {by} until {until}: {reason}", "未通知：{by} 静默至 {until}：{reason}"),
    "turns.electrical": Text("held back: explained by the meter's {what}", "未通知：由本表“{what}”引起"),
    "turns.area": Text("held back: the area has its own alert, {what}", "未通知：台区已有告警“{what}”"),
    "turns.planned_work": Text("held back: work is recorded there ({kind})", "未通知：现场有作业记录（{kind}）"),
    "turns.flapping": Text("held back: it comes and goes", "未通知：时有时无"),
    "turns.life": Text("not told: it was over before anybody heard of it", "未通知：通知前已恢复"),
    "turns.other": Text("held back: {stage}, {reason}", "未通知：{stage}，{reason}"),
    "told.state.waiting": Text("waiting", "待发送"),
    "told.state.delivered": Text("delivered", "已送达"),
    "told.state.failed": Text("failed", "发送失败"),
    "told.state.folded": Text("told in a digest", "已并入汇总"),
    # --- data quality
    "quality.rules": Text("What validation found", "数据校验结果"),
    "quality.rules_note": Text(
        "Each day's readings are validated before anything is concluded from them; readings stay as they came.",
        "每日读数先经校验再作研判；读数本身不作改动。",
    ),
    "quality.nothing": Text("Validation found nothing wrong yet.", "目前未发现数据问题。"),
    "quality.nothing_recent": Text("Nothing was wrong lately.", "近期没有数据问题。"),
    "quality.meters": Text("Meters it is about, last {days} days", "涉及电能表（近 {days} 天）"),
    "quality.candidates": Text("Meters to calibrate", "待校验电能表"),
    "quality.candidates_note": Text(
        "By the area's energy balance, once a week: whose error is surely largest comes first; meters that may be right are left out.",
        "依据台区电量平衡，每周估算一次：误差下限最大者在前，可能准确的电能表不列出。",
    ),
    "quality.candidates_none": Text(
        "No meter's error is sure. Estimates need some weeks of readings with a supply meter.",
        "目前没有可确定误差的电能表。估算需要数周含考核表的读数。",
    ),
    "quality.fast": Text("registers too much", "多计"),
    "quality.slow": Text("registers too little", "少计"),
    "column.rule": Text("Rule", "校验规则"),
    "column.meter_days": Text("Meter-days so far", "累计表日"),
    "column.recent": Text("Last {days} days", "近 {days} 天"),
    "column.newest": Text("Newest", "最近"),
    "column.error": Text("Error", "误差"),
    "column.interval": Text("95 % interval", "95 % 区间"),
    "column.direction": Text("Direction", "方向"),
    "column.estimated": Text("Estimated", "估算日期"),
    # --- findings and what they taught
    "learning.record": Text("What visits made of each detector's word", "各判据的现场查实率"),
    "learning.record_note": Text(
        "Of the visits a detector had a part in: how many found something, how many found that kind. The interval is wide where few were visited.",
        "每个判据参与的现场检查中，有多少查实、多少与所判类型一致。检查次数少时区间较宽。",
    ),
    "learning.record_none": Text("No visit has answered a task yet.", "尚无任务得到现场结论。"),
    "learning.findings": Text("Findings and what each taught", "检查结论及其影响"),
    "learning.findings_note": Text("the newest first; a figure is by how much the ranking moved, in log-odds", "最新在前；数字为排序权重的变化（对数几率）"),
    "learning.findings_none": Text("No inspection has found anything yet, nor nothing.", "尚无检查结论。"),
    "learning.by_rank": Text("no alert: visited by rank", "无告警：按排序检查"),
    "learning.evidence": Text("evidence: {family}", "证据：{family}"),
    **{f"source.{name}": Text(*words) for name, words in SOURCES.items()},
    "effect.taught": Text("Moved the ranking: {moved}", "对排序的影响：{moved}"),
    "effect.expected": Text("Moved next to nothing: it was expected.", "几乎没有影响：结论在意料之中。"),
    "effect.of_area_confirmed": Text(
        "About the whole area: its alert is settled; the ranking of meters learns nothing.", "关于整个台区：告警已核销；电能表排序不受影响。"
    ),
    "effect.of_area_nothing": Text(
        "About the whole area: its alert is withdrawn and its usual loss learnt anew; the ranking of meters learns nothing.",
        "关于整个台区：告警撤销，常态线损重新学习；电能表排序不受影响。",
    ),
    "effect.undone": Text("Teaches nothing: taken back by {by}: {reason}", "不再影响：已由 {by} 撤回：{reason}"),
    "effect.contradicted": Text(
        "Teaches nothing: a later finding at the meter says otherwise.", "不再影响：该表后来的结论与此相反。"
    ),
    "effect.not_described": Text(
        "Teaches nothing: nobody thought of a case at the meter before the visit.", "没有影响：检查前该表未被怀疑，没有留存特征。"
    ),
    "benign.title": Text("Not a problem, because …", "无问题，因为……"),
    "benign.because": Text("Reason", "原因"),
    "benign.needs_reason": Text("Choose a reason from the list.", "请从列表中选择原因。"),
    "benign.note": Text(
        "The alert and a task that nobody has taken up are withdrawn. The ranking learns a little from it, as from a weak "
        "finding; it counts as no inspection, and can be taken back.",
        "告警及尚未受理的任务将撤回；排序仅作少量学习（弱结论），不计为现场检查，且可撤回。",
    ),
    "benign.do": Text("It is not a problem", "判定无问题"),
    "benign.done": Text("Noted; the alert follows in a moment.", "已记录，告警状态稍后更新。"),
    "benign.said": Text("Not a problem: {reason}", "无问题：{reason}"),
    "benign.take_back": Text("It may be a problem after all", "仍可能有问题"),
    "benign.take_back_do": Text("Take it back", "撤回此判定"),
    "benign.will": Text("When the day closes:", "当日结算后："),
    "benign.did": Text("Learnt, as a weak finding:", "已作为弱结论学习："),
    "benign.own": Text("the meter itself from {before} to {after};", "本表概率由 {before} 变为 {after}；"),
    "benign.others": Text("{count} other meters, by {most} at most.", "另有 {count} 块表变化，最多 {most}。"),
    "benign.moved": Text("Weights: {moved}.", "权重：{moved}。"),
    "benign.no_lesson": Text(
        "Teaches nothing: the evidence was right, and its cause was no customer's.", "不作学习：证据属实，但原因与用户无关。"
    ),
    "benign.of_area": Text("About the whole area: the ranking of meters learns nothing.", "针对整个台区：表计排序不作学习。"),
    "benign.outranked": Text(
        "Teaches nothing: an inspection found something at the meter.", "不作学习：现场检查已在该表查实问题。"
    ),
    "benign.not_described": Text(
        "Lowers the meter's own odds; nobody thought of a case there the day before, so the ranking learns nothing.",
        "仅降低本表可能性；前一日该表未被怀疑，排序不作学习。",
    ),
    "benign.undone": Text("Taken back by {by}: {reason}", "已由 {by} 撤回：{reason}"),
    "source.person": Text("a person from the office", "办公室人员判定"),
    "undo.button": Text("Take back", "撤回"),
    "undo.title": Text("Take back the finding at {meter}", "撤回 {meter} 的检查结论"),
    "undo.note": Text(
        "For a wrong meter, a wrong sheet or an appeal upheld. From the next day's close on, ranking and track records are as if it had never come; the finding, its task and the history stay.",
        "用于表号错误、单据错误或申诉成立。自下一次日终起，排序与查实率视同该结论从未出现；结论、任务和经过仍保留。",
    ),
    "undo.do": Text("Take back", "确认撤回"),
    "undo.cancel": Text("Cancel", "取消"),
    "undo.done": Text("Taken back; nothing is learnt from it any more.", "已撤回，不再据此学习。"),
    "column.detector": Text("Detector", "判据"),
    "column.visits": Text("Visits", "检查次数"),
    "column.confirmed": Text("Found something", "查实"),
    "column.right_kind": Text("Of that kind", "类型一致"),
    "column.precision": Text("Precision", "查实率"),
    # --- columns and filters
    "column.area": Text("Transformer area", "台区"),
    "column.meters": Text("Meters", "表数"),
    "column.alerts": Text("Open alerts", "告警"),
    "column.tasks": Text("Open tasks", "任务"),
    "column.grade": Text("Grade", "等级"),
    "column.abnormality": Text("Abnormality", "异常"),
    "column.family": Text("Family", "类别"),
    "column.meter": Text("Meter", "电能表"),
    "column.service_point": Text("Service point", "用电点"),
    "column.raised": Text("Raised", "发生时间"),
    "column.state": Text("State", "状态"),
    "column.owner": Text("Owner", "负责人"),
    "column.risk": Text("Risk", "风险"),
    "fact.alert_risk": Text("Risk by this alert", "本告警的风险"),
    "fact.alert_risk_note": Text("of this suspicion alone, when it was raised", "仅就该疑点，按告警时证据"),
    "fact.task_risk": Text("Risk of the visit", "本次检查的风险"),
    "fact.task_risk_note": Text(
        "that a visit finds something: of all that is known of the meter, with what findings taught",
        "检查查实的可能：综合该表全部信息，并计入检查结论",
    ),
    "fact.task_risk_hazard": Text("a hazard ranks by harm, not by how probable it is", "安全隐患按危害程度排序，而非概率"),
    "column.energy": Text("Energy", "涉及电量"),
    "column.opened": Text("Opened", "开立"),
    "column.due": Text("Due", "期限"),
    "column.assignee": Text("Inspector", "稽查员"),
    "filter.any": Text("any", "不限"),
    "filter.lane": Text("Safety", "安全"),
    "filter.show": Text("Filters", "筛选条件"),
    "filter.apply": Text("Apply", "筛选"),
    "filter.reset": Text("Reset", "重置"),
    "filter.search": Text("Meter or service point", "电能表或用电点"),
    "filter.urgency": Text("Told", "通知"),
    "filter.open_only": Text("open ones", "未完成"),
    "list.count": Text("{count} alerts", "{count} 条告警"),
    "list.count_tasks": Text("{count} tasks", "{count} 项任务"),
    "list.more_than": Text("more than ", "超过 "),
    "list.empty": Text("Nothing matches these filters.", "没有符合条件的记录。"),
    "list.page": Text("Page {page} of {pages}", "第 {page} / {pages} 页"),
    "list.previous": Text("Previous", "上一页"),
    "list.next": Text("Next", "下一页"),
    "list.sort": Text("sort by {column}", "按{column}排序"),
    # --- alert and task pages
    "alert.title": Text("Alert", "告警"),
    "alert.no_task": Text(
        "No inspection task. When a day closes, tasks open for hazards and for what ranks highest, as far as crews have room; what ended by itself opens none.",
        "尚无稽查任务：日终研判时，为危险缺陷以及排序靠前者按人员余量开立任务；已自行消失的不开立。",
    ),
    "alert.information": Text(
        "For information: alerts of this family open no inspection task.", "仅供参考：此类告警不开立稽查任务。"
    ),
    "alert.episodes": Text("Episode {count} of the same abnormality", "同一异常第 {count} 次出现"),
    "task.title": Text("Inspection task", "稽查任务"),
    "task.overdue": Text("overdue", "已逾期"),
    "task.steps": Text("How far this task is", "任务进度"),
    "fact.since": Text("Since", "起始"),
    "fact.raised": Text("Raised", "告警时间"),
    "fact.cleared": Text("Ended", "结束时间"),
    "fact.energy": Text("Stands for", "涉及电量"),
    "fact.unbilled": Text("Registered since the account ended, billed to nobody", "销户后已计量、未计费电量"),
    "fact.recoverable": Text("Not registered since the onset", "起始以来未计电量"),
    "fact.money": Text("At the tariff's price", "折合电费"),
    "fact.price_difference": Text("Price difference since the onset", "起始以来差价"),
    "worth.interval": Text("80 % interval: {low} to {high} {unit}", "80 % 区间：{low} 至 {high} {unit}"),
    "worth.nothing_lost": Text("nothing: this kind loses no energy", "无：此类异常不损失电量"),
    "worth.registered": Text("nothing: registered, at another price", "无：电量已计量，电价不符"),
    "worth.no_price": Text("no tariff known", "无电价资料"),
    "fact.energy_range": Text("{low} to {high} kWh", "{low} 至 {high} kWh"),
    "fact.energy_unread": Text(
        "intervals not read: {count}, up to {kwh} kWh more", "{count} 个时段无读数：至多另有 {kwh} kWh"
    ),
    "fact.energy_none": Text("no energy attached", "不涉及电量"),
    "fact.late": Text("late readings taken in: {count}", "已计入 {count} 条迟到读数"),
    "fact.customer_class": Text("Class", "用电类别"),
    "fact.contract": Text("Contracted", "合同容量"),
    "fact.phases": Text("Phases", "相数"),
    "fact.meter": Text("Meter", "电能表"),
    "fact.rated_current": Text("Rated current", "额定电流"),
    "class.residential": Text("residential", "居民"),
    "class.commercial": Text("commercial", "商业"),
    "class.industrial": Text("industrial", "工业"),
    "class.agricultural": Text("agricultural", "农业"),
    "class.public": Text("public", "公共"),
    "class.temporary": Text("temporary", "临时"),
    "role.supply": Text("supply meter of the area", "台区考核表"),
    "section.reasons": Text("Why", "依据"),
    "section.against": Text("What speaks against it", "反面证据"),
    "reason.odds_up": Text("odds × {times}", "可能性 × {times}"),
    "reason.odds_down": Text("odds ÷ {times}", "可能性 ÷ {times}"),
    "section.against_none": Text("Nothing recorded speaks against it.", "没有记录到反面证据。"),
    "section.kind": Text("Why this kind", "为何疑为此类"),
    "ranked.title": Text("No alert: proposed by rank", "无告警：按排序提出"),
    "ranked.note": Text(
        "No detector is sure enough for an alert; of all meters without a visit this one was likeliest to have a case. As of the day before the task was opened.",
        "尚无判据达到告警程度；在未检查的电能表中，该表最可能存在异常。以开立任务前一日为准。",
    ),
    "ranked.probability": Text("Probability of a case", "存在异常的概率"),
    "ranked.risk": Text("Risk today, with what findings taught", "今日风险（计入检查结论）"),
    "ranked.kinds": Text("If there is a case, most likely", "若存在异常，最可能为"),
    "trail.opened": Text("risk {risk}", "风险 {risk}"),
    "trail.ranked": Text("risk {risk}; no alert, ranked; most probable {kinds}", "风险 {risk}；无告警，按排序提出；最可能为{kinds}"),
    "trail.explored": Text("risk {risk}; drawn to learn from; most probable {kind}", "风险 {risk}；抽样检查以供学习；最可能为{kind}"),
    "trail.over": Text(
        "over since {since}, readings normal since; who stops may begin again", "自 {since} 已消失，此后读数正常；停手者可能再犯"
    ),
    "trail.calm": Text(
        "no longer at risk, readings normal since; who stops may begin again", "风险已消退，此后读数正常；停手者可能再犯"
    ),
    "trail.stands_again": Text("what it was opened for is there again, or its risk", "所涉情况或风险再次出现"),
    "trail.hazard_over": Text("the readings show it is over since {since}", "读数显示自 {since} 已消除"),
    "trail.all_withdrawn": Text(
        "every alert of it was withdrawn: corrected readings, an inspection, or a person's word",
        "所涉告警均已撤销：读数更正、现场检查或人工判定",
    ),
    "trail.overtaken": Text(
        "over since {since}; readings normal for {days} days, nobody was sent, nothing is learnt from it",
        "自 {since} 已消失；读数正常 {days} 天，未派人，不作学习依据",
    ),
    "trail.quiet": Text(
        "readings normal for {days} days, nobody was sent, nothing is learnt from it", "读数正常 {days} 天，未派人，不作学习依据"
    ),
    "trail.regraded": Text("{before} to {after}: risk {risk} to {now}", "由{before}改为{after}：风险 {risk} → {now}"),
    "section.check": Text("Check on site", "现场检查"),
    "section.curve": Text("Load curve against what was expected", "负荷曲线与应有曲线"),
    "section.voltage": Text("Voltage", "电压"),
    "section.current": Text("Current", "电流"),
    "section.balance": Text("Energy balance of the transformer area", "台区电量平衡"),
    "section.standing": Text("Where it stands", "当前状态"),
    "section.handling": Text("What to do with it", "处理"),
    "section.history": Text("History", "经过"),
    "section.next_step": Text("Next step", "下一步"),
    "section.finding": Text("Finding", "结论"),
    "against.outage": Text("An outage of the area was recorded {start} – {end}.", "台区停电记录：{start} – {end}。"),
    "against.work": Text("A work order ({kind}) covers {start} – {end}.", "工单（{kind}）覆盖 {start} – {end}。"),
    "against.unread": Text("Intervals not read, and so not judged: {count}.", "{count} 个时段无读数，未作研判。"),
    "against.cleared": Text("The condition went away by itself on {time}.", "异常已于 {time} 自行消失。"),
    "against.meter_new": Text("The meter was installed on {time}: little is known of its past.", "电能表于 {time} 装出，历史数据少。"),
    "safety.first": Text(
        "Safety first: keep a distance, do not open anything energised alone, call the control room.",
        "安全第一：保持距离，不得单人打开带电设备，先联系监控室。",
    ),
    "check.default": Text(
        "Look at seals, wiring and the register; photograph what you find.", "检查封印、接线与示数，并拍照留证。"
    ),
    # --- charts
    "chart.observed": Text("observed", "实测"),
    "chart.expected": Text("expected", "应有"),
    "chart.episode": Text("suspected episode", "疑似异常时段"),
    "chart.supplied": Text("supplied", "供入"),
    "chart.metered": Text("metered", "计量"),
    "chart.loss": Text("loss", "线损率"),
    "chart.phase_a": Text("phase A", "A相"),
    "chart.phase_b": Text("phase B", "B相"),
    "chart.phase_c": Text("phase C", "C相"),
    "chart.mean": Text("mean", "平均"),
    "chart.neutral": Text("neutral", "零线"),
    "chart.no_curve": Text("No readings are stored for this window.", "该时段没有读数。"),
    "chart.no_expected": Text(
        "What was expected is not known here: the profile was not learnt yet.", "尚无应有曲线：用电画像仍在学习。"
    ),
    "chart.window.onset": Text("Around the onset", "起始前后"),
    "chart.window.latest": Text("Last 14 days", "近14天"),
    "chart.window.days": Text("By day", "按日"),
    "chart.window": Text("Window of the curve", "曲线时段"),
    "chart.load_alt": Text(
        "Load curve of meter {meter}: interval energy in kWh, observed and expected", "电能表 {meter} 负荷曲线：时段电量（kWh），实测与应有"
    ),
    # --- moves
    "move.open": Text("opened", "开立任务"),
    "move.add_alert": Text("alert added", "并入告警"),
    "move.over": Text("over", "已消失"),
    "move.stands_again": Text("there again", "再次出现"),
    "move.regrade": Text("grade changed", "等级变更"),
    "move.assign": Text("assigned", "派工"),
    "move.start_visit": Text("on site", "到达现场"),
    "move.leave_site": Text("left without a finding", "离开现场，未得结论"),
    "move.record_finding": Text("finding recorded", "记录结论"),
    "move.close": Text("closed", "归档"),
    "move.withdraw": Text("withdrawn", "撤回"),
    "do.your_name": Text("Your name", "您的姓名"),
    "do.your_name_note": Text("Every move carries the name of the person who made it.", "每一步都记录操作人姓名。"),
    "do.inspector": Text("Inspector", "稽查员"),
    "do.assign": Text("Assign", "派工"),
    "do.reassign": Text("Assign to somebody else", "改派"),
    "do.start_visit": Text("I am on site", "我已到现场"),
    "do.leave_site": Text("Leave without a finding", "未得结论，离开"),
    "do.record_finding": Text("Record finding", "记录结论"),
    "do.close": Text("Close the task", "任务归档"),
    "do.withdraw": Text("Withdraw the task", "撤回任务"),
    "do.more": Text("Other moves", "其他操作"),
    "do.finding_question": Text("Was the suspicion confirmed on site?", "现场是否查实？"),
    "do.confirmed": Text("Confirmed", "查实"),
    "do.not_confirmed": Text("Not confirmed", "未查实"),
    "do.abnormality": Text("What was found", "查实的异常"),
    "do.note": Text("What did you see? (required)", "现场情况（必填）"),
    "do.reason": Text("Reason (required)", "原因（必填）"),
    "do.ended": Text("This task has ended. Nothing is left to do.", "任务已结束，无需再处理。"),
    "do.needs_name": Text("Say who you are first: a person decides.", "请先填写姓名：由人作出决定。"),
    "do.needs_inspector": Text("Name the inspector who takes the task.", "请填写承接任务的稽查员。"),
    "do.needs_answer": Text("Say whether the suspicion was confirmed.", "请选择是否查实。"),
    "do.needs_reason": Text("Say what was seen, or why: a move without a reason cannot be understood later.", "请填写情况或原因：没有理由的操作事后无法核实。"),
    "do.acknowledge": Text("Acknowledge: I have seen it", "确认：我已知悉"),
    "do.words": Text("In words", "说明"),
    "do.comment": Text("Leave a comment", "添加备注"),
    "do.owner_moves": Text("Owner and shift", "负责人与交接班"),
    "do.owner": Text("To whom", "交给谁"),
    "do.assign_alert": Text("Give it to them", "指派"),
    "do.hand_over": Text("Hand over", "交班"),
    "do.unassign": Text("Take it from its owner", "取消负责人"),
    "do.hold_back": Text("Silence it for a while", "暂时静默"),
    "do.days": Text("for {count} d", "{count} 天"),
    "do.silence": Text("Silence this kind here", "静默此处此类告警"),
    "do.needs_words": Text("Say it in words: what must the next person know?", "请填写说明：下一位需要知道什么？"),
    "do.needs_owner": Text("Say to whom.", "请填写交给谁。"),
    "do.saved": Text("Saved", "已保存"),
    "do.stale_alert": Text(
        "Somebody else acted on this alert first. The page now shows how it stands; please decide again.",
        "他人已先处理此告警。页面已更新，请重新确认。",
    ),
    "do.alert_changed": Text("This alert has moved on.", "此告警有新变化。"),
    "history.machine": Text("the monitor", "监测系统"),
    "history.suspected": Text("suspected since then", "自此疑似"),
    "history.raised": Text("raised", "告警产生"),
    "history.returned": Text("came again", "再次出现"),
    "history.flapping": Text("comes and goes", "反复出现"),
    "history.cleared": Text("cleared by itself", "自行消除"),
    "history.confirmed": Text("confirmed on site", "现场查实"),
    "history.withdrawn": Text("withdrawn", "撤销"),
    "history.acknowledge": Text("acknowledged", "确认"),
    "history.assign": Text("given to", "指派给"),
    "history.unassign": Text("taken from its owner", "取消负责人"),
    "history.comment": Text("comment", "备注"),
    "history.hand_over": Text("handed over to", "交班给"),
    "history.not_a_problem": Text("called no problem", "认定非问题"),
    "history.undo_not_a_problem": Text("no problem: taken back", "撤回“非问题”"),
    "fact.acknowledged": Text("Acknowledged by", "确认人"),
    "fact.acknowledged_before": Text("before it came again: please acknowledge anew", "再次出现前确认，请重新确认"),
    "do.done": Text("Saved: {move}", "已保存：{move}"),
    "do.stale": Text(
        "Somebody else moved this task first. The page now shows how it stands; please decide again.",
        "他人已先处理此任务。页面已更新，请重新确认。",
    ),
    "do.changed": Text("This task was moved by somebody else just now.", "他人刚刚处理了此任务。"),
    "do.reload": Text("Show how it stands", "查看最新"),
    "do.illegal": Text("This move is not possible any more: {why}", "当前不能进行此操作：{why}"),
    "do.unavailable": Text(
        "Not saved: the store cannot be reached just now. Nothing was changed; please try again.",
        "未保存：暂时无法访问数据库。未作任何改动，请重试。",
    ),
    "finding.confirmed": Text("Confirmed on site: {what}", "现场查实：{what}"),
    "finding.not_confirmed": Text("Not confirmed on site", "现场未查实"),
    # --- signing in
    "sign_in.title": Text("This desk asks for its token", "请输入访问令牌"),
    "sign_in.note": Text(
        "It was set as METERWATCH_DESK_TOKEN where the desk runs.", "令牌由运行环境的 METERWATCH_DESK_TOKEN 设置。"
    ),
    "sign_in.token": Text("Token", "令牌"),
    "sign_in.enter": Text("Enter", "进入"),
    "sign_in.wrong": Text("This token is not right.", "令牌不正确。"),
    # --- time
    "ago.minutes": Text("{count} min ago", "{count} 分钟前"),
    "ago.hours": Text("{count} h ago", "{count} 小时前"),
    "ago.days": Text("{count} d ago", "{count} 天前"),
    "in.minutes": Text("in {count} min", "{count} 分钟后"),
    "in.hours": Text("in {count} h", "{count} 小时后"),
    "in.days": Text("in {count} d", "{count} 天后"),
}  # fmt: skip


class Words:
    """The texts of one language.

    >>> Words("en")("claim.suspected", what="register stopped")
    'Suspected: register stopped'
    """

    def __init__(self, language: Language) -> None:
        self.language: Language = language

    def __call__(self, key: str, **figures: object) -> str:
        text = getattr(TEXTS[key], self.language)
        return str(text).format(**figures) if figures else str(text)

    def abnormality(self, code: str) -> str:
        """The catalogue's name of `code`; the code itself for a word of others."""
        kind = CATALOGUE.get(code)
        if kind is None:
            return code
        return kind.name_zh if self.language == "zh" else kind.name_en

    def check_on_site(self, code: str) -> str:
        """What the catalogue says to check on site, or the general advice."""
        kind = CATALOGUE.get(code)
        said = "" if kind is None else kind.check_on_site_zh if self.language == "zh" else kind.check_on_site_en
        return said or self("check.default")


def language_of(word: str | None) -> Language | None:
    """The desk's language for a cookie's or browser's word (``zh-CN``, ``en``), None if it has none for it."""
    prefix = (word or "").strip().lower()[:2]
    return next((known for known in LANGUAGES if known == prefix), None)
