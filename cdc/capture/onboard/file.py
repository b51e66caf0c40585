"""The text of a connector file, with the reason of each decision beside what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from cdc.capture.onboard.decision import Plan, one_line, written
from cdc.capture.source import SourceTable


def header(kind: str, connection: Mapping[str, str], tls: Mapping[str, str]) -> str:
    """Return the first entries: product, connection, encryption. References stay references."""
    values = {name: int(value) if name == "port" and value.isdecimal() else value for name, value in connection.items()}
    lines = [f"kind: {kind}", *(f"{name}: {flow(value)}" for name, value in values.items())]
    if tls:
        lines.append(f"tls: {flow(dict(tls))}")
    return "".join(f"{line}\n" for line in (*lines, "state: running"))


def text_of(plan: Plan, head: str, title: Iterable[str]) -> str:
    """Return the file of a plan; `title` are the lines of its first comment, `head` is what `header` returned."""
    lines = [*map(_comment, (*title, *plan.remarks)), *head.splitlines()]
    for decision in plan.of(""):
        lines += [_comment(f"{decision.code}: {decision.why}"), decision.what]
    lines.append("tables:")
    for table in plan.source.tables:
        lines += entry(table, (str(one) for one in plan.of(_name(table))))
    if plan.left_out:
        lines += ["", "# Left out:"]
        lines += [_comment(f"  {one.table}: {f'{one.code} ' if one.code else ''}{one.why}") for one in plan.left_out]
    return "".join(f"{line}\n" for line in lines)


def entry(table: SourceTable, comments: Iterable[str]) -> Iterator[str]:
    """Yield the lines of one table, its comments before it."""
    yield from (f"  {_comment(comment)}" for comment in comments)
    name = flow(_name(table))
    parts = {"key": "none" if table.is_keyless else list(table.key), "without": list(table.without)}
    if not any(parts.values()):
        yield f"  - {name}"
        return
    yield f"  - table: {name}"
    yield from (f"    {part}: {flow(value)}" for part, value in parts.items() if value)


def flow(value: Any) -> str:
    """Return plain data in one line of YAML, texts quoted where they would be something else."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=float("inf"))
    return str(text).removesuffix("...\n").strip()


def _comment(text: str) -> str:
    return f"# {one_line(text)}" if not text.startswith("  ") else f"#   {one_line(text)}"


def _name(table: SourceTable) -> str:
    return written((table.schema, table.name))
