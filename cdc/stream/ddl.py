"""Statements of MariaDB and MySQL after which a table holds other rows than before, though no event tells of a row.

The connector tells of the columns only, of some of these statements nothing but their text. What is read here is the
beginning of a statement and its clauses, not its grammar: a name too many stops a stream, one too few leaves a mirror
behind its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""/\*(?!M?!).*?\*/ | --(?=\s|$)[^\n]* | \#[^\n]*      # comments
      | /\*M?!\d* | \*/                                     # what stands between these is executed
      | (?P<quoted>`(?:[^`]|``)*`) | '(?:[^'\\]|\\.|'')*' | (?P<double>"(?:[^"\\]|\\.|"")*")
      | (?P<word>[\w$]+) | (?P<sign>[^\s])""",
    re.VERBOSE | re.DOTALL,
)
_PARTITIONS = ("DROP", "TRUNCATE", "EXCHANGE", "CONVERT", "DISCARD", "IMPORT")
_NOT_A_TABLE = ("COLUMN", "INDEX", "KEY", "CONSTRAINT")


def replaced_by(statement: str, database: str) -> tuple[str, ...]:
    """Return the tables, as `database.table` in lower case, that a statement replaces, renames, or fills or empties.

    `database` is where names without one are looked for. `database.*` are all tables of a database.
    """
    words = _Words(statement, database)
    if words.take("SET", "STATEMENT"):
        words.skip_behind("FOR")
    if words.take("RENAME", "TABLE") or words.take("RENAME", "TABLES"):
        return tuple(dict.fromkeys(_renamed(words)))
    if words.take("CREATE", "OR", "REPLACE", "TABLE"):
        words.take("IF", "NOT", "EXISTS")
        return (words.name(),)
    if words.take("DROP", "DATABASE") or words.take("DROP", "SCHEMA"):
        words.take("IF", "EXISTS")
        return (f"{words.part()}.*",)
    if words.take("ALTER"):
        words.take("ONLINE")
        is_lossy = words.take("IGNORE")  # rows that a new unique key does not take are dropped
        if words.take("TABLE"):
            return tuple(dict.fromkeys(_altered(words, is_lossy=is_lossy)))
    return ()


def _renamed(words: _Words) -> Iterator[str]:
    words.take("IF", "EXISTS")
    while words.are_left:
        yield words.name()
        words.skip_behind("TO")
        if words.are_left:
            yield words.name()
        words.take(",")


def _altered(words: _Words, *, is_lossy: bool) -> Iterator[str]:
    words.take("IF", "EXISTS")
    table = words.name()
    if is_lossy:
        yield table
    while words.are_left:
        if words.take("RENAME"):
            if not words.is_next(*_NOT_A_TABLE):
                _ = words.take("TO") or words.take("AS") or words.take("=")
                yield from (table, words.name())
        elif any(words.take(verb, "PARTITION") for verb in _PARTITIONS):
            yield table
        elif words.take("CONVERT", "TABLE") or words.take("WITH", "TABLE") or words.take("TO", "TABLE"):
            yield from (table, words.name())
        elif words.take("DISCARD", "TABLESPACE") or words.take("IMPORT", "TABLESPACE"):
            yield table
        else:
            words.skip()


class _Words:
    """The words, names and signs of a statement that stand outside of parentheses, in order."""

    def __init__(self, statement: str, database: str) -> None:
        self._database = database
        self._left = list(_outermost(statement))
        self._left.reverse()

    @property
    def are_left(self) -> bool:
        return bool(self._left)

    def is_next(self, *words: str) -> bool:
        """Tell whether one of the words comes next."""
        return bool(self._left) and self._left[-1].upper() in words

    def take(self, *words: str) -> bool:
        """Take the words if they come next, in this order."""
        if [word.upper() for word in self._left[: -len(words) - 1 : -1]] != list(words):
            return False
        del self._left[-len(words) :]
        return True

    def skip(self) -> None:
        self._left.pop()

    def skip_behind(self, word: str) -> None:
        while self._left and not self.take(word):
            self._left.pop()

    def part(self) -> str:
        """Take a name, without its quotes, in lower case."""
        return _plain(self._left.pop()) if self._left else ""

    def name(self) -> str:
        """Take a table's name."""
        first = self.part()
        return f"{first}.{self.part()}" if self.take(".") else f"{self._database.lower()}.{first}"


def _outermost(statement: str) -> Iterator[str]:
    depth = 0
    for found in _TOKEN.finditer(statement):
        sign = found["quoted"] or found["double"] or found["word"] or found["sign"]
        if sign in ("(", ")"):
            depth += 1 if sign == "(" else -1
        elif sign and depth == 0 and sign != ";":
            yield sign


def _plain(sign: str) -> str:
    quote = sign[0]
    return (sign[1:-1].replace(quote * 2, quote) if quote in '`"' else sign).lower()
