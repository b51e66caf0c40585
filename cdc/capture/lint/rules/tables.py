"""L10, L16: the file, and nothing but the file, says which tables are captured; each has its contract, and what the
dictionary reads is among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cdc.capture.connector import DDL_FILTER, mirrors_of, table_names
from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Remark, Rule

_LIST = re.compile(
    r"(table|column|schema|database|collection|message\.prefix)\.(include|exclude)\.list|.*\.collection\.list"
)
# A dot that stands for any character, or what stands for several names.
_LOOSE = re.compile(r"(?<!\\)[.*+?|(\[{]")
# The first name behind TABLE in an expression without its backslashes, and what follows it.
_BEHIND_TABLE = re.compile(
    r"(?<!temporary )\btable\b(?:[\s`\"]|if\b|not\b|exists\b)*(?:[\w$]+[`\"]?\.[`\"]?(?=[\w$]))?([\w$-]*)(.?)"
)
_OPEN = frozenset(".([*+?")
_STATEMENTS = (
    "ALTER TABLE {0} ADD COLUMN c INT",
    "ALTER TABLE `{0}` DROP COLUMN c",
    "CREATE TABLE {0} (c INT)",
    "DROP TABLE {0}",
    "RENAME TABLE {0} TO x",
)


def _contracts(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    if file.contracts is None or file.contract_faults or not file.read.is_whole:
        return
    names = table_names(file.source)
    for index, name in enumerate(names):
        if name not in file.by_table:
            yield ("tables", index), f"table {name} has no contract"
    for name in sorted(file.by_table.keys() - set(names)):
        yield ("tables",), f"there is a contract of {name}, which does not stand here"
    mirrors = set(mirrors_of(file.source).values())
    for mirror, mappings in sorted(file.reads.items()):
        if mirror.startswith(f"{file.source.name}.") and mirror not in mirrors:
            yield ("tables",), f"{', '.join(mappings)} of the dictionary reads {mirror}, which does not stand here"


def _loose(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    for key, value in file.settings.items():
        if _LIST.fullmatch(key) and any(_LOOSE.search(part) for part in value.split(",")):
            yield file.entry(key), f"{key} holds an expression that matches more than one name"
    swallowed = _swallowed(file)
    if swallowed:
        yield file.entry(DDL_FILTER), f"{DDL_FILTER} passes over {swallowed}"


def _swallowed(file: ConnectorFile) -> str:
    """Return a statement about a captured table that the file's own expressions keep from the connector."""
    for pattern in filter(None, file.settings.get(DDL_FILTER, "").split(",")):
        try:
            expression = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        except re.error:
            return "nothing: it is no regular expression"
        for table in file.source.tables:
            for statement in _STATEMENTS:
                if expression.fullmatch(statement.format(table.name)):
                    return f"{statement.partition(' ')[0]} TABLE of {table.name}"
            if _names(pattern, table.name):
                return f"a statement that changes {table.name}"
    return ""


def _names(pattern: str, table: str) -> bool:
    """Tell whether an expression for statements with TABLE names the table, any table, or how its name begins."""
    plain = re.sub(r"\\s[*+]?", " ", pattern).replace("\\", "").lower()
    return any(
        name == table.lower() or (then in _OPEN and table.lower().startswith(name))
        for name, then in _BEHIND_TABLE.findall(plain)
    )


RULES = (
    Rule(
        "L10",
        "tables and contracts are not the same",
        "Landing decodes by contracts: it stops at the first change of a table that has none. A contract without its "
        "table is of a table that is not captured (any more). A mapping whose table is not captured derives nothing.",
        "Run `cdc source contract SOURCE`, review the diff, commit it, then `cdc target apply`. A table that the "
        "dictionary reads belongs under `tables`, or the mapping out of the dictionary.",
        _contracts,
    ),
    Rule(
        "L16",
        "expression catches more than is named",
        "An expression that is not the whole name takes in tables that nobody has reviewed, as they are made: they "
        "have no contract, and landing stops. A filter that passes over ALTER TABLE hides from the connector what a "
        "captured table has become.",
        "Name the tables under `tables` and `exclude`. A filter begins with the statement that it is for, and ends "
        "with the names.",
        _loose,
    ),
)
