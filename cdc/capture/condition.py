"""Which rows of a table are read again: a condition that compares columns of the table with constants, and no more.

It runs in the source. A function or a sub-select could do there what nobody who reads should.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from sqlglot import ParseError, TokenError, exp, parse_one

from cdc.errors import FatalError

_DIALECTS: Final = {"postgresql": "postgres", "mariadb": "mysql", "mysql": "mysql"}
_ALLOWED: Final = (
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.Tuple),
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between, exp.Like, exp.Is),
    *(exp.Column, exp.Identifier, exp.Literal, exp.Neg, exp.Null, exp.Boolean),
)


def condition(kind: str, text: str, columns: Container[str]) -> str:
    """Return a condition as the source reads it, written anew from what was understood, its columns those of `t`.

    Raises FatalError CON-185 for what is not understood, does more than compare, or names another column.
    """
    dialect = _DIALECTS[kind]
    try:
        found = parse_one(text, dialect=dialect)
    except (ParseError, TokenError) as error:
        raise FatalError("CON-185", f"it is not understood: {str(error).splitlines()[0]}") from error
    for node in found.walk():
        if not isinstance(node, _ALLOWED) or "${" in str(node):
            raise FatalError("CON-185", f"{node.sql(dialect=dialect)} does more than compare columns with constants")
    for column in found.find_all(exp.Column):
        if column.name not in columns or len(column.parts) != 1:
            raise FatalError("CON-185", f"there is no column {column.sql(dialect=dialect)}")
        column.set("table", exp.to_identifier("t"))
    return found.sql(dialect=dialect, identify=True, comments=False)
