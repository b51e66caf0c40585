"""Rules for what a script tells of a server, whatever the product: keys, types, grants, clock and time zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cdc.capture.preflight.clock import clock_findings, zone_findings
from cdc.capture.preflight.fact import Facts
from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.limits import Limits
from cdc.capture.types import MirrorType
from cdc.errors import FatalError


def key_findings(facts: Facts) -> Iterator[Finding]:
    """Yield SRC-121 for tables without a primary key."""
    keys = facts.of("table", "primary_key")
    for table in facts.objects("table"):
        if not keys.get(table):
            yield Finding("SRC-121", table)


def type_findings(facts: Facts, map_type: Callable[[str, str], MirrorType]) -> Iterator[Finding]:
    """Yield SRC-201, SRC-202 for columns of types that have no mirror."""
    for place, column_type in facts.of("column", "type").items():
        try:
            map_type(column_type, place)
        except FatalError as error:
            yield Finding(error.code, error.detail)


def excess(facts: Facts, reading: frozenset[str], statement: str) -> Iterator[Finding]:
    """Yield SRC-304 for what the account may do beyond `reading`. A grant is a line: its item what, its value where."""
    for fact in facts.lines:
        if fact.area == "grant" and fact.item not in reading:
            what = f"{fact.item} ON {fact.value}" if fact.value else fact.item
            yield Finding("SRC-304", f"{fact.object}: {what}", statement.format(what, fact.object))


def clock_and_zone(facts: Facts, limits: Limits, local: frozenset[str]) -> Iterator[Finding]:
    """Yield SRC-319, SRC-320. `local` are the types without a zone, as their names begin.

    Both clocks were read by whoever ran the script: `clock_s` the server's, `here_s` that of the machine it ran on; the
    second line is there only where the DBA could add it.
    """
    if "" in facts.of("server", "here_s"):
        yield from clock_findings(facts.number("clock_s") - facts.number("here_s"), limits)
    types = facts.of("column", "type")
    columns = [place for place, column_type in types.items() if column_type.split("(")[0] in local]
    has_summer_time = facts.server("summer_time") == "1"
    yield from zone_findings(facts.server("time_zone"), has_summer_time=has_summer_time, columns=columns)
