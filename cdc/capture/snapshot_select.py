"""What the connector's snapshot selects of a table, where its own select would bring values altered.

The log reader and the snapshot read one column by different code. Where only the snapshot's is wrong, the select gives
it something that it reads rightly, found by comparing what both bring of boundary values (`tests/integration/types`):

- PostgreSQL, date: it loses the era and infinity, and has Julian days before 1582-10-15. Days since 1970-01-01 are
  selected, and for infinity the numbers that the log reader sends.
- MariaDB, float: it reads the six digits that are printed. The value is selected as a double.
- MariaDB, datetime: it moves the ten days of October 1582 that the calendar left out, and the year 0 to the year 1. The
  first are selected as a moment that is refused (VAL-102), the others are zero dates: NULL.
- MariaDB, text of a character set that is not Unicode: it brings a question mark for bytes that are no character. The
  bytes are selected, and decoded as those of the log (latin1 is exact without).
- MySQL: all that MariaDB has. And year: it brings 2000 for 0000; the number that the log reader sends is selected.

The select is `t.*` and, behind it, the columns again that are changed: the connector takes the last of a name. So a
column that the contract does not know yet is read as well. Only where columns are left out they have to be listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from cdc.capture.charset import UNICODE
from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.keyless import source_columns
from cdc.capture.source import Source, SourceTable
from cdc.errors import FatalError

WHERE: Final = " WHERE "
"""What stands before a condition, in a select of some rows only."""

# What the connector's log reader sends for infinite dates (`cdc.stream.moment`).
_DATE = (
    "CASE WHEN isfinite({0}) THEN {0} - DATE '1970-01-01' WHEN {0} > '1970-01-01' THEN 2146033979"
    " WHEN {0} IS NOT NULL THEN -2147472691 END"
)
_FLOAT = "CAST({0} AS DOUBLE)"
_DATETIME = (
    "CASE WHEN {0} >= '1582-10-05' AND {0} < '1582-10-15' THEN TIMESTAMP'1970-01-01 00:00:00.000001'"
    " WHEN YEAR({0}) = 0 THEN NULL ELSE {0} END"
)
_TEXT = "CAST({0} AS BINARY)"
_YEAR = "CASE WHEN {0} = 0 THEN 1900 ELSE {0} + 0 END"
_EXACT_CHARSETS = UNICODE | {None, "ascii", "latin1"}
# With digits given it prints all that it has.
_PLAIN_FLOAT = re.compile(r"float( unsigned)?( zerofill)?")


def snapshot_selects(source: Source, contracts: Iterable[Contract]) -> dict[str, str]:
    """Return the selects of those captured tables that need one, by the name that the connector has for the table.

    Raises LND-102 if a table has no contract, SRC-105 if a contract does not fit the connector file.
    """
    by_table = {contract.source_table: contract for contract in contracts}
    names = {table: f"{table.schema or source.database}.{table.name}" for table in source.tables}
    missing = [name for name in names.values() if name not in by_table]
    if missing:
        raise FatalError("LND-102", ", ".join(missing))
    _check_without(source, {table: by_table[name] for table, name in names.items()})
    selects = {name: _select(source.kind, name, by_table[name]) for name in names.values()}
    return {name: select for name, select in selects.items() if select}


def select_where(source: Source, contract: Contract, where: str) -> str:
    """Return the select of some rows of a captured table; `where` as of `cdc.capture.condition`."""
    select = _select(source.kind, contract.source_table, contract, always=True)
    return f"{select}{WHERE}{where}"


def condition_of(select: str) -> str | None:
    """Return the condition of a select of some rows only; None of any other."""
    return select.partition(WHERE)[2] or None


def only_adds(select: str, to: str | None) -> bool:
    """Tell whether a select of all rows has all that another one has; None: the connector's own, of all columns."""
    items = _items(select)
    return condition_of(select) is None and ("t.*" in items if to is None else _items(to) <= items)


def lists_columns(contract: Contract) -> bool:
    """Tell whether the table's select, if it needs one, names its columns, and so has to be made anew with each."""
    return bool(contract.without)


def _check_without(source: Source, contracts: dict[SourceTable, Contract]) -> None:
    wrong = [c.mirror for table, c in contracts.items() if set(c.without) != set(table.without)]
    if wrong:
        raise FatalError("SRC-105", f"{source.name}: {', '.join(wrong)}")


def _select(kind: str, name: str, contract: Contract, *, always: bool = False) -> str | None:
    quote = '"' if kind == "postgresql" else "`"
    changed = dict(_changed(kind, contract, quote))
    if not changed and not always:
        return None
    if lists_columns(contract):
        present = [*(column.name for column in source_columns(contract.columns)), *contract.omitted]
        columns = [changed.get(column, f"t.{_quoted(column, quote)}") for column in present]
    else:
        columns = ["t.*", *(f"t.{_quoted(hidden, quote)}" for hidden in _hidden(contract)), *changed.values()]
    table = ".".join(_quoted(part, quote) for part in name.split("."))
    return f"SELECT {', '.join(columns)} FROM {table} t"


def _changed(kind: str, contract: Contract, quote: str) -> Iterator[tuple[str, str]]:
    for column in contract.columns:
        form = _form(kind, column)
        if form is not None:
            quoted = _quoted(column.name, quote)
            yield column.name, f"{form.format(f't.{quoted}')} AS {quoted}"


def _form(kind: str, column: ColumnContract) -> str | None:
    if kind == "postgresql":
        return _DATE if column.decoder == "date" else None
    if column.decoder == "float" and _PLAIN_FLOAT.fullmatch(column.type.removesuffix(_INVISIBLE)):
        return _FLOAT
    if column.decoder == "timestamp_us":
        return _DATETIME
    if column.decoder == "year" and kind == "mysql":
        return _YEAR
    return _TEXT if column.decoder == "text" and column.charset not in _EXACT_CHARSETS else None


# What stands between two commas; a name in quotes may have some, too.
_ITEM = re.compile(r"""(?:"[^"]*"|`[^`]*`|'[^']*'|[^,"`'])+""")


def _items(select: str) -> set[str]:
    columns, _, table = select.rpartition(" FROM ")
    return {table, *(item.strip() for item in _ITEM.findall(columns.removeprefix("SELECT ")))}


# MariaDB's `t.*` passes over them.
_INVISIBLE = " invisible"


def _hidden(contract: Contract) -> list[str]:
    return [column.name for column in contract.columns if column.type.endswith(_INVISIBLE)]


def _quoted(name: str, quote: str) -> str:
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"
