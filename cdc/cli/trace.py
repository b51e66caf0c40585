"""`cdc trace`: where a lot, a unit or a label comes from, and where it went."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

import psycopg
import typer

from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_table
from cdc.cli.reveal import Reveal, RevealReason, masks
from cdc.evidence.genealogy import RELATIONS, Edge, Genealogy, Node
from cdc.evidence.snapshot import snapshot
from cdc.protect.mask import Masks
from cdc.store.connection import as_service_errors, connect

Connection = psycopg.Connection[Any]
Kind = Literal["lot", "serial", "udi"]


def trace(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(metavar="lot|serial|udi", help="What is traced.")],
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="Its number, or the text or device identifier of a label.")
    ],
    material: Annotated[
        str | None, typer.Option("--material", metavar="MATERIAL", help="Of a lot: only the one of this material.")
    ] = None,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `start` (list of kind, key), `unknown` (tables, and columns as TABLE.COLUMN, that "
            "the target does not have), `up` and `down`, lists of up, down (kind, key), what, at, table, key, mapping, "
            "source_key, stream, offset, committed_at, deleted.",
        ),
    ] = False,
) -> None:
    """Walk the genealogy both ways, across all sources, with the row and the event that say each step.

    Up: supplier, receipt, what went into the unit, job order. Down: units that a lot went into, inspections, labels,
    shipments, customers, reported events. `cdc explain TABLE KEY` says more of each row. Exit code 3 if nothing is
    known of the value. Personal values are masked.
    """
    read = settings(context)
    shown = masks(read, "trace", f"{kind} {value}", reveal, reason)
    with as_service_errors(), connect(read.target, "cdc trace") as connection, snapshot(connection):
        genealogy = Genealogy(connection)
        start = find(genealogy, kind, value, material)
        ways = {
            "up": [_masked(shown, edge) for edge in genealogy.walk(start, "up")],
            "down": [_masked(shown, edge) for edge in genealogy.walk(start, "down")],
        }
    if as_json:
        listed = {way: [document(edge) for edge in edges] for way, edges in ways.items()}
        write_json({"start": [node._asdict() for node in start], "unknown": genealogy.unknown, **listed})
    else:
        _write(start, ways, genealogy.unknown)
    if not start:
        say(f"The target knows no {kind} {value}.")
        raise typer.Exit(Exit.DIFFERENT)


def find(genealogy: Genealogy, kind: Kind, value: str, material: str | None) -> list[Node]:
    """Return what a value names."""
    if kind == "lot":
        return genealogy.lots(value, material)
    return genealogy.serials(value) if kind == "serial" else genealogy.labelled(value)


def _masked(shown: Masks, edge: Edge) -> Edge:
    table = edge.table.partition(".")[2]
    columns = {
        kind: names
        for one in RELATIONS
        if (one.table, one.what) == (table, edge.what)
        for kind, names in (one.up, one.down)
    }

    def node(of: Node) -> Node:
        pairs = zip(columns[of.kind], of.key, strict=True)
        return Node(of.kind, tuple(shown.value(edge.table, name, value) for name, value in pairs))

    return replace(
        edge,
        up=node(edge.up),
        down=node(edge.down),
        key=tuple(shown.key(edge.table, edge.key)),
        source_key=tuple(shown.source_key(edge.mapping, edge.source_key)),
    )


def document(edge: Edge) -> dict[str, Any]:
    """Return what `--json` prints of an edge."""
    return {**asdict(edge), "up": edge.up._asdict(), "down": edge.down._asdict()}


def _write(start: list[Node], ways: dict[str, list[Edge]], unknown: list[str]) -> None:
    for node in start:
        say(str(node))
    columns = ("way", "from", "what", "to", "when", "row", "event", "committed")
    rows = [
        (
            way,
            str(edge.up),
            edge.what + (" (deleted)" if edge.deleted else ""),
            str(edge.down),
            edge.at,
            f"{edge.table} {' '.join(edge.key)}",
            f"{edge.stream} {edge.offset}",
            edge.committed_at,
        )
        for way, edges in ways.items()
        for edge in edges
    ]
    if rows:
        write_table("Genealogy", columns, rows)
    if unknown:
        say(f"The target does not have {', '.join(unknown)}: what this would say is missing.")
