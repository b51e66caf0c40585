"""Genealogy of devices: who supplied what, what went into which unit, where it was inspected, and who has it now.

Canonical rows are the edges: a row of `material_actual` says that a lot went into a unit, one of `shipment` that a
customer got it. Each edge keeps the row that says it, and the place of its event in the stream of its source.

The tables and columns are those of the packaged dictionary (ISA-95 for lots, units and material actuals); where another
one does not have a table or a column, its edges are missing, and `unknown` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import psycopg

from cdc.derive.names import quoted

Connection = psycopg.Connection[Any]
Direction = Literal["up", "down"]
"""Up: towards suppliers; down: towards customers."""


class Node(NamedTuple):
    """Something that edges lead to: its kind, and its identifying values."""

    kind: str
    key: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {' '.join(self.key)}"


@dataclass(frozen=True, slots=True)
class Edge:
    """What one canonical row says of two nodes. `deleted`: its source row is gone, and the row is a tombstone.

    `at` is when it happened, by the row itself; `committed_at` when the source committed it, by the source's clock.
    """

    up: Node
    down: Node
    what: str
    at: str | None
    table: str
    key: tuple[str, ...]
    mapping: str
    source_key: tuple[str, ...]
    stream: str
    offset: int
    committed_at: datetime | None
    deleted: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """How rows of a table are edges: from the columns of the upper node to those of the lower one.

    `where` narrows the rows, and `asks` has what it reads, as (table, columns). Where the table has the column `lacks`,
    only rows without a value of it count. `at` is the column that says when it happened.
    """

    table: str
    what: str
    up: tuple[str, tuple[str, ...]]
    down: tuple[str, tuple[str, ...]]
    at: str
    where: str = "true"
    asks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    lacks: str | None = None


_LOT: Final = ("lot", ("material_id", "lot_number"))
_SERIAL: Final = ("serial", ("serial_number",))
_JOB: Final = ("job order", ("job_order_id",))
_BILLED_JOB: Final = ("job order", ("source_bill",))
_PARTY: Final = ("party", ("party_id",))
_INSPECTION: Final = ("inspection", ("test_result_id",))
_MOVEMENT: Final = ("movement", ("movement_id",))
_SHIPMENT: Final = ("shipment", ("shipment_id",))
_EVENT: Final = ("event", ("event_id",))
_TYPE: Final = ("stock_movement", ("movement_type",))
_UNIT: Final = ("serial_unit", ("serial_number", "material_id", "lot_number"))
# What most rows of units say, too, and is told once: of which lot the unit is.
_OTHER_LOT: Final = """NOT EXISTS (SELECT FROM SCHEMA.serial_unit u
    WHERE (u.serial_number, u.material_id, u.lot_number) = (t.serial_number, t.material_id, t.lot_number))"""

RELATIONS: Final = (
    Relation("stock_movement", "received", _PARTY, _LOT, "moved_at", "t.movement_type = 'PURCHASE_RECEIPT'", (_TYPE,)),
    Relation(
        *("stock_movement", "produced", _BILLED_JOB, _LOT, "moved_at"),
        "t.movement_type = 'PRODUCTION_RECEIPT'",
        (_TYPE,),
    ),
    Relation(
        "stock_movement",
        "issued to",
        _LOT,
        _BILLED_JOB,
        "moved_at",
        "t.movement_type = 'MATERIAL_ISSUE'"
        " AND EXISTS (SELECT FROM SCHEMA.job_order j WHERE j.job_order_id = t.source_bill)",
        (_TYPE, ("job_order", ("job_order_id",))),
    ),
    Relation(
        "stock_movement",
        "moved by",
        _LOT,
        _MOVEMENT,
        "moved_at",
        "t.movement_type NOT IN ('PURCHASE_RECEIPT', 'PRODUCTION_RECEIPT')",
        (_TYPE,),
    ),
    Relation("serial_unit", "made as", _LOT, _SERIAL, "produced_at"),
    Relation("serial_unit", "made by", _JOB, _SERIAL, "produced_at"),
    Relation("material_actual", "went into", _LOT, _SERIAL, "consumed_at"),
    Relation("test_result", "inspected", _SERIAL, _INSPECTION, "evaluated_at"),
    Relation("test_result", "inspected", _LOT, _INSPECTION, "evaluated_at", lacks="serial_number"),
    Relation("test_result", "inspected as", _LOT, _SERIAL, "evaluated_at", _OTHER_LOT, (_UNIT,)),
    Relation("nonconformance", "found", _INSPECTION, ("nonconformance", ("nonconformance_id",)), "recorded_at"),
    Relation("udi_label", "labelled", _SERIAL, ("label", ("udi_label_id",)), "printed_at"),
    Relation("shipment", "shipped", _SERIAL, _SHIPMENT, "shipped_at"),
    Relation("shipment", "shipped", _LOT, _SHIPMENT, "shipped_at", lacks="serial_number"),
    Relation("shipment", "shipped as", _LOT, _SERIAL, "shipped_at", _OTHER_LOT, (_UNIT,)),
    Relation("shipment", "to", _SHIPMENT, _PARTY, "shipped_at"),
    Relation("adverse_event", "reported", _SERIAL, _EVENT, "received_at"),
    Relation("adverse_event", "reported", _LOT, _EVENT, "received_at", lacks="serial_number"),
    Relation("adverse_event", "reported as", _LOT, _SERIAL, "received_at", _OTHER_LOT, (_UNIT,)),
)
_TABLES: Final = (*sorted({one.table for one in RELATIONS}), "material_lot")
"""Where a lot or a unit may be named. A receipt or a shipment needs no row of its lot: that one may be held."""
_END: Final = "party"
"""The kind that a walk does not go on from: a customer has other devices, a supplier other lots."""


class Genealogy:
    """Walks the canonical tables of one schema, set by set: a query for each relation and step, whatever their size."""

    def __init__(self, connection: Connection, schema: str = "trace") -> None:
        self._connection = connection
        self._schema = schema
        self._columns = self._read_columns()
        self._keys = self._read_keys()
        self._known = [one for one in RELATIONS if not any(self._lacking(one))]

    @property
    def unknown(self) -> list[str]:
        """What relations need and the target does not have, TABLE or TABLE.COLUMN: what it would say is missing."""
        return sorted({name for one in RELATIONS for name in self._lacking(one)})

    def knows(self, table: str, *columns: str) -> bool:
        """Return whether the target has a table with these columns: another dictionary may have it without them."""
        return set(columns) <= set(self._columns.get(table, ()))

    def lots(self, number: str, material: str | None = None) -> list[Node]:
        """Return the lots with a number, of one material or of all, whichever row names them."""
        where = "t.lot_number = %(lot)s" + ("" if material is None else " AND t.material_id = %(material)s")
        return self._find(_LOT, where, {"lot": number, "material": material})

    def serials(self, number: str) -> list[Node]:
        """Return the unit with a serial number, if any row has it."""
        return self._find(_SERIAL, "t.serial_number = %(serial)s", {"serial": number})

    def labelled(self, udi: str) -> list[Node]:
        """Return the units with a label of this text or device identifier, else lots of materials of that UDI-DI."""
        found: list[Node] = []
        if self.knows("udi_label", "udi_raw", "device_identifier"):
            found = self._find(_SERIAL, "%(udi)s IN (t.udi_raw, t.device_identifier)", {"udi": udi}, ("udi_label",))
        if found or not self.knows("material", "material_id", "udi_di"):
            return found
        of_material = (
            f"t.material_id IN (SELECT m.material_id FROM {self._table('material')} m WHERE m.udi_di = %(udi)s)"
        )
        return self._find(_LOT, of_material, {"udi": udi})

    def walk(self, start: Iterable[Node], direction: Direction) -> Iterator[Edge]:
        """Yield the edges that lead from some nodes up or down, those nearest first, each once."""
        frontier, seen = set(start), set(start)
        told = set[tuple[str, str, tuple[str, ...]]]()
        while frontier:
            found = set[Node]()
            for relation in self._known:
                for edge in self._edges(relation, frontier, direction):
                    name = (edge.what, edge.table, edge.key)
                    if name in told:
                        continue
                    told.add(name)
                    yield edge
                    found.add(edge.down if direction == "down" else edge.up)
            frontier = {node for node in found - seen if node.kind != _END}
            seen |= found

    def _edges(self, relation: Relation, frontier: set[Node], direction: Direction) -> Iterator[Edge]:
        (kind, here), (other, there) = (
            (relation.up, relation.down) if direction == "down" else (relation.down, relation.up)
        )
        keys = [node.key for node in frontier if node.kind == kind]
        if not keys:
            return
        names = [f"k{place}" for place in range(len(here))]
        pairs = " AND ".join(f"t.{quoted(column)} = k.{name}" for column, name in zip(here, names, strict=True))
        present = " AND ".join(f"t.{quoted(column)} IS NOT NULL" for column in there)
        key = self._keys.get(relation.table, ())
        query = (
            f"SELECT {_texts(here)}, {_texts(there)}, t.{quoted(relation.at)}::text, {_texts(key)}, t._mapping,"
            f" t._source_key, t._source_offset, t._source_ts, t._deleted"
            f" FROM unnest({', '.join(['%s::text[]'] * len(here))}) AS k ({', '.join(names)})"
            f" JOIN {self._table(relation.table)} t ON {pairs}"
            f" WHERE {present} AND {self._where(relation)} ORDER BY 3, 4"
        )
        columns = [list(values) for values in zip(*keys, strict=True)]
        table = f"{self._schema}.{relation.table}"
        for mine, its, at, row, mapping, source_key, offset, committed, deleted in self._connection.execute(
            query.encode(), columns
        ):
            nodes = (Node(kind, tuple(mine)), Node(other, tuple(its)))
            up, down = nodes if direction == "down" else nodes[::-1]
            stream = f"cdc.{mapping.partition('.')[0]}"
            yield Edge(
                *(up, down, relation.what, at, table, tuple(row), mapping, tuple(source_key), stream, offset),
                *(committed, deleted),
            )

    def _where(self, relation: Relation) -> str:
        narrowed = relation.where.replace("SCHEMA", quoted(self._schema))
        if relation.lacks is None or not self.knows(relation.table, relation.lacks):
            return narrowed
        return f"{narrowed} AND t.{quoted(relation.lacks)} IS NULL"

    def _find(
        self,
        kind: tuple[str, tuple[str, ...]],
        where: str,
        values: Mapping[str, Any],
        tables: Sequence[str] = _TABLES,
    ) -> list[Node]:
        name, columns = kind
        whole = " AND ".join(f"t.{quoted(column)} IS NOT NULL" for column in columns)
        parts = [
            f"SELECT DISTINCT {_texts(columns)} FROM {self._table(table)} t WHERE {where} AND {whole}"
            for table in tables
            if self.knows(table, *columns)
        ]
        if not parts:
            return []
        rows = self._connection.execute(f"{' UNION '.join(parts)} ORDER BY 1".encode(), values).fetchall()
        return [Node(name, tuple(key)) for (key,) in rows]

    def _table(self, table: str) -> str:
        return quoted(self._schema, table)

    def _lacking(self, relation: Relation) -> Iterator[str]:
        for table, columns in ((relation.table, (*relation.up[1], *relation.down[1], relation.at)), *relation.asks):
            if table not in self._columns:
                yield table
            else:
                yield from (f"{table}.{column}" for column in columns if not self.knows(table, column))

    def _read_keys(self) -> dict[str, list[str]]:
        rows = self._connection.execute(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum))"
            " FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)"
            " WHERE c.relnamespace = to_regnamespace(%s) GROUP BY c.relname",
            (quoted(self._schema),),
        ).fetchall()
        return dict(rows)

    def _read_columns(self) -> dict[str, list[str]]:
        rows = self._connection.execute(
            "SELECT c.relname, array_agg(a.attname::text) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
            " GROUP BY c.relname",
            (quoted(self._schema),),
        ).fetchall()
        return dict(rows)


def _texts(columns: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(f't.{quoted(column)}::text' for column in columns)}]"
