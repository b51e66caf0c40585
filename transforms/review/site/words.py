"""What the files say in one word, as stewards read it."""

from __future__ import annotations

from collections.abc import Mapping as Map
from typing import Final

from transforms.mapping import Rule
from transforms.model import Label

STATUS: Final[Map[str, Label]] = {
    "draft": Label("草稿", "draft"),
    "in_review": Label("评审中", "in review"),
    "approved": Label("已批准", "approved"),
    "retired": Label("已停用", "retired"),
}
KIND: Final[Map[str, Label]] = {
    "row": Label("该行暂缓", "row is held"),
    "warning": Label("提示", "warning"),
    "fatal": Label("字典不可用", "dictionary cannot be used"),
}
SENSITIVITY: Final[Map[str, Label]] = {
    "public": Label("公开", "public"),
    "internal": Label("内部", "internal"),
    "confidential": Label("机密", "confidential"),
    "personal": Label("个人信息", "personal data"),
    "phi": Label("健康信息", "health information"),
}
RETENTION: Final[Map[str, Label]] = {
    f"device_life_{years}y": Label(
        f"保存期限：器械寿命期，且不少于 {years} 年", f"kept for the life of the device, {years} years at least"
    )
    for years in (2, 10, 15)
}
IN_LOGS: Final[Map[str, Label]] = {
    "mask": Label("日志中：须掩码", "in logs: to be masked"),
    "omit": Label("日志中：不得出现", "in logs: to be left out"),
}
IN_EXPORT: Final[Map[str, Label]] = {
    "mask": Label("导出时：须掩码", "in exports: to be masked"),
    "pseudonymise": Label("导出时：须假名化", "in exports: to be pseudonymised"),
    "omit": Label("导出时：不得出现", "in exports: to be left out"),
}
ON_DELETE: Final[Map[str, Label]] = {
    "tombstone": Label("源行删除后：保留，标记为已删除", "When the source row is deleted: kept, marked as deleted"),
    "delete": Label("源行删除后：一并删除", "When the source row is deleted: removed, too"),
    "ignore": Label("源行删除后：保持原样", "When the source row is deleted: stays as it was"),
    "forbid": Label(
        "源行删除后：保持原样并提示（DEL-101），源行列入暂缓",
        "When the source row is deleted: stays as it was, with the warning DEL-101, and the source row is held",
    ),
}
VALIDITY: Final[Map[str, Label]] = {
    "valid_from": Label("有效起始时间；空表示未知", "valid from; NULL where nobody knows since when"),
    "valid_to": Label("有效截止时间（不含）；空表示当前有效", "valid to, not included; NULL: valid now"),
}
ORDER: Final[Map[str, Label]] = {
    "number": Label("一个数值", "a number"),
    "date": Label("一个日期", "a date"),
    "datetime": Label("一个时刻", "a moment"),
}
ROUNDING: Final[Map[str, Label]] = {
    "half_even": Label("最后舍入一次，逢半取偶", "rounded once at the end, halves to the even digit"),
    "half_up": Label("最后四舍五入一次", "rounded once at the end, halves up"),
}
NORMALISE: Final[Map[str, Label]] = {
    "trim": Label("忽略首尾空白", "blanks around it do not count"),
    "nfkc": Label("全角半角视为相同", "full-width and half-width are the same"),
    "upper": Label("不区分大小写", "upper and lower case are the same"),
}
CHECK: Final[Map[str, Label]] = {
    "gs1_cset82": Label("仅限 GS1 字符集 82 的字符", "only characters of GS1 set 82"),
    "udi_di": Label("必须是发码机构的产品标识（UDI-DI）", "must be the UDI-DI of an issuing agency"),
}
RELATIONSHIP: Final[Map[str, Label]] = {
    "equivalent": Label("含义相同", "means the same"),
    "source-is-narrower-than-target": Label("源代码含义更窄", "the source's code is narrower"),
    "source-is-broader-than-target": Label("源代码含义更宽", "the source's code is broader"),
    "related-to": Label("含义相关", "is related"),
}


RAW_TAKEN: Final = Label("与所取值同一来源的原文", "of the source whose value was taken")


def taken(rule: Rule) -> Label:
    """Return whose value a column of a folded row has."""
    if rule.take == "owner":
        return Label(f"以 {rule.owner} 为准", f"what {rule.owner} says")
    return {
        "first": Label("最早的值", "the first value"),
        "last": Label("最新的值", "the last value"),
        "max": Label("最大的值", "the largest value"),
    }[rule.take]
