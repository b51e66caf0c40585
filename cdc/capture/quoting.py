"""Names as the statements of a DBA have them: always quoted, so that no name is read as anything else."""

from __future__ import annotations


def quoted_postgresql(*parts: str) -> str:
    """Return a name, of its parts: `"public"."mes_lot"`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def quoted_mariadb(*parts: str) -> str:
    """Return a name, of its parts: `` `erp`.`ICMO` ``."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def text(value: str) -> str:
    """Return a text as a literal of either product's SQL; no backslash stands in one."""
    return "'" + value.replace("'", "''") + "'"
