"""Names as the statements of a DBA have them: always quoted, so that no name is read as anything else."""

from __future__ import annotations


def double_quoted(*parts: str) -> str:
    """Return a name as PostgreSQL and Oracle take it, of its parts: `"public"."mes_lot"`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def backquoted(*parts: str) -> str:
    """Return a name as MariaDB takes it, of its parts: `` `erp`.`ICMO` ``."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def text(value: str) -> str:
    """Return a text as a literal of SQL. MariaDB takes a backslash for more than it is: none may stand in it."""
    return "'" + value.replace("'", "''") + "'"
