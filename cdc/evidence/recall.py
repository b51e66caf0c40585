"""Who has which devices of a lot: the extract for an advisory notice (ISO 13485, 8.3.3; 21 CFR 806).

Every unit that the lot is, or went into, with where it is now: the customer that it was shipped to, or nobody. With it
goes how complete each source was at that moment, because a list of devices says nothing of those that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from cdc.derive.names import quoted
from cdc.evidence.completeness import Completeness
from cdc.evidence.genealogy import Edge, Genealogy, Node

Connection = psycopg.Connection[Any]

PARTY_FACTS: Final = ("name", "country", "address", "contact", "phone")


@dataclass(frozen=True, slots=True)
class Holding:
    """One unit, or a quantity of a lot without serial numbers, and who has it.

    `how`: how the lot is in it (made as, went into, shipped). `customer` is None for what was not shipped. `facts` has
    what the target knows of the customer. `evidence` is the row that says it, `committed_at` when its source did.
    """

    lot: str
    serial: str | None
    how: str
    shipment: str | None
    shipped_at: str | None
    customer: str | None
    facts: Mapping[str, str | None]
    evidence: str
    committed_at: datetime | None
    deleted: bool


@dataclass(frozen=True, slots=True)
class Recall:
    """The extract. `known`: any row names the lot. `unknown`: tables that the target does not have; what they would say
    is missing.
    """

    lot: str
    known: bool
    as_of: datetime
    dictionary: str
    complete: bool
    sources: list[Completeness]
    unknown: list[str]
    holdings: list[Holding]


def read_holdings(
    connection: Connection, genealogy: Genealogy, lots: Iterable[Node], schema: str = "trace"
) -> Iterator[Holding]:
    """Yield what is concerned by some lots, unit by unit; of one that was shipped twice each shipment."""
    start = list(lots)
    edges = list(genealogy.walk(start, "down"))
    shipped: dict[Node, list[Edge]] = {}
    customer: dict[Node, Edge] = {}
    for edge in edges:
        if edge.what == "shipped":
            shipped.setdefault(edge.up, []).append(edge)
        elif edge.what == "to":
            customer[edge.up] = edge
    parties = {edge.down.key[0] for edge in customer.values()}
    facts = _facts(connection, schema, parties) if genealogy.knows("party", "party_id") else {}
    for edge in _carriers(edges):
        carrier = edge.up if edge.what == "shipped" else edge.down
        shipments: list[Edge | None] = [*shipped.get(carrier, ())]
        for shipment in shipments or [None]:
            yield _holding(edge, carrier, shipment, customer, facts)


def _carriers(edges: list[Edge]) -> Iterator[Edge]:
    """Yield the first edge that tells of each unit, of each lot that was shipped without serial numbers, and of each
    that was produced and is in neither: a lot that others went into is concerned as they are.
    """
    told = set[Node]()
    for edge in edges:
        if edge.down.kind == "serial" and edge.down not in told:
            told.add(edge.down)
            yield edge
    for edge in edges:
        if edge.what == "shipped" and edge.up.kind == "lot" and edge.up not in told:
            told.add(edge.up)
            yield edge
    told |= {edge.up for edge in edges if edge.down.kind == "serial"}
    for edge in edges:
        if edge.what == "produced" and edge.down not in told:
            told.add(edge.down)
            yield edge


def _holding(
    edge: Edge,
    carrier: Node,
    shipment: Edge | None,
    customer: Mapping[Node, Edge],
    facts: Mapping[str, Mapping[str, str | None]],
) -> Holding:
    to = None if shipment is None else customer.get(shipment.down)
    says = shipment or edge
    name = None if to is None else to.down.key[0]
    lot = carrier if carrier.kind == "lot" else edge.up
    return Holding(
        " ".join(lot.key) if lot.kind == "lot" else str(lot),
        carrier.key[0] if carrier.kind == "serial" else None,
        edge.what,
        None if shipment is None else shipment.key[0],
        None if shipment is None else shipment.at,
        name,
        facts.get(name or "", {}),
        f"{says.table} {' '.join(says.key)} ({says.stream} offset {says.offset})",
        says.committed_at,
        says.deleted,
    )


def _facts(connection: Connection, schema: str, parties: set[str]) -> dict[str, dict[str, str | None]]:
    """Return what the target knows of parties, as far as its table has the columns."""
    if not parties:
        return {}
    values = ", ".join(f"to_jsonb(p) ->> '{name}'" for name in PARTY_FACTS)
    query = f"SELECT p.party_id, ARRAY[{values}] FROM {quoted(schema, 'party')} p WHERE p.party_id = ANY (%s)"
    rows = connection.execute(query.encode(), (sorted(parties),)).fetchall()
    return {party: dict(zip(PARTY_FACTS, facts, strict=True)) for party, facts in rows}
