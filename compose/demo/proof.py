"""The evidence, as an operator asks for it at the end: ledger, canonical rows, and the way of one unit.

The chains are walked before (`compose.demo.evidence`), against the heads that were published meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from compose.demo import process
from compose.demo.screen import Screen
from compose.local.daemon import StackError

_CHECKS = (
    ("ledger", "check"),
    ("audit", "mirrors"),
    ("audit", "rows", "trace.serial_unit", "trace.shipment"),
    ("protect", "keys"),
)
_STEPS = {
    "up": (("party", "received", "lot"), ("lot", "went into", "serial"), ("job order", "made by", "serial")),
    "down": (("serial", "inspected", "inspection"), ("serial", "shipped", "shipment"), ("shipment", "to", "party")),
}
"""What every unit's way has, as the edges say it: a supplier and a customer are both a party."""
_LONGEST = 40
"""A unit may have more parts than anybody wants to see here."""


def prove(env: Mapping[str, str], screen: Screen, serial: str) -> list[str]:
    """Run the checks and show where a unit comes from and where it went; return what does not hold, in words."""
    failures = []
    for words in _CHECKS:
        try:
            process.run_cdc(env, *words)
            screen.say(f"holds       cdc {' '.join(words)}")
        except StackError as error:
            failures.append(str(error))
    traced = json.loads(process.run_cdc(env, "trace", "serial", serial, "--json"))
    screen.print(_table(serial, traced))
    if missing := missing_of(traced):
        failures.append(f"the trace of {serial} does not have: {', '.join(missing)}")
    return failures


def missing_of(traced: Mapping[str, Any]) -> list[str]:
    """Return the steps between supplier and customer that a unit's trace (its JSON) does not have."""
    told = {(way, edge["up"]["kind"], edge["what"], edge["down"]["kind"]) for way in _STEPS for edge in traced[way]}
    return [" ".join(step) for way, steps in _STEPS.items() for step in steps if (way, *step) not in told]


def _table(serial: str, traced: Mapping[str, Any]) -> Table:
    table = Table("way", "what", "when", "event", title=f"cdc trace serial {serial}")
    rows = list(_rows(traced))
    for row in rows[:_LONGEST]:
        table.add_row(*row)
    if len(rows) > _LONGEST:
        table.add_row("...", *[""] * 3)
    return table


def _rows(traced: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for way in ("up", "down"):
        for edge in traced[way]:
            up, down = (f"{node['kind']} {' '.join(node['key'])}" for node in (edge["up"], edge["down"]))
            yield way, f"{up} {edge['what']} {down}", (edge["at"] or "")[:16], f"{edge['stream']} {edge['offset']}"
