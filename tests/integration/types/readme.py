"""The lists of types in the README, written from the cases that the tests run.

python -m tests.integration.types.readme          writes them into connector-configs/types.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cdc.capture import types_oracle, types_sqlserver
from compose.local.env import REPO
from tests.integration.mysql import cases as mysql
from tests.integration.types import mariadb, postgresql
from tests.integration.types.case import Case, Refusal

FILE = REPO / "connector-configs" / "types.md"
_HEAD = """\
# Types of the sources, and what becomes of them

Written by `.venv/bin/python -m tests.integration.types.readme` from the cases of `tests/integration/types`, which write
boundary values of every type into the products, before the snapshot and while the connector streams, and compare each
mirror with what psycopg and PyMySQL read from the source. Run with PostgreSQL 15 and MariaDB 10.11; those of MySQL
(`tests/integration/mysql`) with 9.7. What stands in no list is refused with its contract (SRC-201): leave the column
out with `without`, see [README.md](README.md).
"""


_DOCUMENTED = """
## {product}: from the documentation, not run against a database

No connector file can name this product yet. Decoders are written from the documentation and source of Debezium 3.6 and
tested on envelopes of the shape shown there; nobody has compared them with a live database.

| type | in the mirror | what is refused, and what else to know |
|---|---|---|
"""


def text() -> str:
    """Return the file as it has to be."""
    parts = [_HEAD]
    for product, cases, refusals in (
        ("PostgreSQL", postgresql.CASES, postgresql.REFUSALS),
        ("MariaDB", mariadb.CASES, mariadb.REFUSALS),
        ("MySQL", mysql.CASES, mysql.REFUSALS),
    ):
        parts.append(
            f"\n## {product}\n\n| type | in the mirror | what is refused, and what else to know |\n|---|---|---|\n"
        )
        parts += [f"{line}\n" for line in _captured(cases)]
        parts.append("\n| refused with the contract | code | why |\n|---|---|---|\n")
        parts += [f"{line}\n" for line in _refused(refusals)]
    for product, types, remarks, refused in (
        ("SQL Server", types_sqlserver.TYPES, types_sqlserver.REMARKS, types_sqlserver.ABSENT),
        ("Oracle", types_oracle.TYPES, types_oracle.REMARKS, types_oracle.UNREAD),
    ):
        parts += [_DOCUMENTED.format(product=product), *_documented(types, remarks)]
        parts.append(f"\nRefused: {', '.join(f'`{name}`' for name in refused)}.\n")
    return "".join(parts)


def _documented(types: Mapping[str, tuple[str, str]], remarks: Mapping[str, str]) -> Iterator[str]:
    for name, (mirror_type, _) in types.items():
        kept = mirror_type.replace("{args}", "(…)").replace("{digits}", "(…)")
        yield f"| `{name}` | `{kept}` | {remarks.get(name, '')} |\n"


def _captured(cases: Sequence[Case]) -> Iterator[str]:
    for case in cases:
        codes = ", ".join(sorted(set(case.refused.values())))
        remark = "; ".join(
            filter(None, (f"refused ({codes}): {case.remark}" if codes else case.remark, _altered(case)))
        )
        yield f"| `{_cell(_short(case.type))}` | `{_cell(case.mirror)}` | {_cell(remark)} |"


def _altered(case: Case) -> str:
    return "; ".join(f"{literal} arrives as {_shown(value)}" for literal, value in case.altered.items())


def _shown(value: str | None) -> str:
    return "NULL" if value is None else value if value.isprintable() else ascii(value).strip("'")


def _refused(refusals: Sequence[Refusal]) -> Iterator[str]:
    for refusal in refusals:
        yield f"| `{_cell(refusal.type)}` | {refusal.code} | {_cell(refusal.why)} |"


def _short(type_text: str) -> str:
    return type_text if len(type_text) <= 60 else f"{type_text[:40]}…)"


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", "\\n")


if __name__ == "__main__":
    Path(FILE).write_text(text(), encoding="utf-8")
