"""A stream that landed over three months, in a target that believes so."""

from __future__ import annotations

from psycopg.sql import SQL, Identifier, Literal

from cdc.change import Record
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import item
from tests.unit.cdc.stream.wire import PostgresWire

PAST = ("2026_01", "2026_02")


class Months:
    """`records` is the stream; rows 1 and 2 are inserted in January, changed in February, row 1 again now."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.wire = stage, PostgresWire()
        for month in PAST:
            self._make(month)
        with self.in_month("2026_01"):
            self.insert(1)
            self.insert(2)
        with self.in_month("2026_02"):
            self.update(1, "February")
            self.update(2, "February")
        self.update(1, "now")

    @property
    def records(self) -> list[Record]:
        return list(self.wire.records)

    def insert(self, number: int) -> None:
        self.wire.begin()
        self.wire.insert("item", "id", item(number))
        self._land()

    def update(self, number: int, name: str) -> None:
        self.wire.begin()
        self.wire.update("item", "id", item(number, name))
        self._land()

    def in_month(self, month: str) -> _Clock:
        return _Clock(self.stage, month)

    def _land(self) -> None:
        self.wire.end()
        self.stage.land(self.wire.records)

    def _make(self, month: str) -> None:
        """Make a month as it was made then."""
        name, (year, number) = f"journal_{month}", map(int, month.split("_"))
        bounds = (f"{year}-{number:02}-01 00:00Z", f"{year}-{number + 1:02}-01 00:00Z")
        with self.stage.connection.transaction():
            self.stage.connection.execute(
                SQL(
                    "CREATE TABLE {0} (LIKE cdc.journal INCLUDING DEFAULTS INCLUDING INDEXES);"
                    "ALTER TABLE cdc.journal ATTACH PARTITION {0} FOR VALUES FROM ({1}) TO ({2});"
                    "SELECT cdc.keep_evidence({3}::regclass); INSERT INTO cdc.journal_month VALUES ({4}, {1}, {2})"
                ).format(Identifier("cdc", name), *map(Literal, bounds), Literal(f"cdc.{name}"), Literal(name))
            )


class _Clock:
    """Has what lands within the block land in a month of the past."""

    def __init__(self, stage: Stage, month: str) -> None:
        self._stage, self._month = stage, month

    def __enter__(self) -> None:
        self._set(SQL("{}::timestamptz").format(Literal(f"{self._month.replace('_', '-')}-15")))

    def __exit__(self, *_: object) -> None:
        self._set(SQL("now()"))

    def _set(self, moment: object) -> None:
        with self._stage.connection.transaction():
            self._stage.connection.execute(
                SQL("ALTER TABLE cdc.journal ALTER landed_at SET DEFAULT {}").format(moment)  # type: ignore[arg-type]
            )
