"""The dictionary that ships, derived from the simulator's own rows: canonical tables and held rows are what the
independent comparison reads off the same rows.

Nothing is captured: the rows that both applications would have left are written into the mirrors, the last images of
those that are gone into their deleted twins, and derived. What the demo proves of the whole service this proves of the
content, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from cdc.cli.target import apply_target
from cdc.config import Approval, Connect, Derive, Folders, Kafka, Settings, Target
from cdc.derive.bind import bind, mirror_refs
from cdc.derive.lease import open_session, take_lease
from cdc.derive.mirror import read_mirrors
from cdc.derive.turn import Version, run_turn
from cdc.derive.worker import read_dictionary
from cdc.store.connection import connect
from compose.compare.canonical import compare_canonical
from compose.compare.database import PostgreSql
from compose.compare.imply import FEEDS, imply
from compose.compare.log import Log, Row
from compose.compare.result import Result
from compose.compare.table import Source
from compose.local.env import REPO
from compose.simulator.plan import Settings as Run
from compose.simulator.plan import run
from compose.simulator.seed import seed
from compose.simulator.transaction import Transaction
from compose.simulator.world import World
from transforms.load import PACKAGED

MINUTE = Run(seconds=60, rate=50, seed=5)


class Played:
    """What both applications are like after a minute of work."""

    def __init__(self) -> None:
        start = seed()
        self.world: World = start.world
        transactions: list[Transaction] = list(run(self.world, MINUTE))
        self.live = {mirror: self._images(mirror) for mirror in self.world.rows}
        gone: dict[str, dict[tuple[str | None, ...], Row]] = {mirror: {} for mirror in self.world.rows}
        for transaction in transactions:
            for mirror, image in () if transaction.rolls_back else transaction.deleted:
                key = tuple(image[column] for column in self.world.tables[mirror].key)
                gone[mirror].pop(key, None)
                gone[mirror][key] = image
        self.gone = {mirror: list(self._absent(mirror, rows)) for mirror, rows in gone.items()}
        bad = {
            (mirror, tuple(self.world.tables[mirror].key_text(key))): code
            for (mirror, key), code in self.world.bad.items()
        }
        self.log = Log(bad=bad)

    def _images(self, mirror: str) -> list[Row]:
        return [self.world.tables[mirror].image(row) for row in self.world.rows[mirror].values()]

    def _absent(self, mirror: str, rows: dict[tuple[str | None, ...], Row]) -> Iterator[Row]:
        present = {tuple(self.world.tables[mirror].key_text(key)) for key in self.world.rows[mirror]}
        return (row for key, row in rows.items() if key not in present)


@pytest.fixture(scope="module")
def played() -> Played:
    return Played()


@pytest.fixture
def settings(target: Target) -> Settings:
    folders = Folders(REPO / "connector-configs", PACKAGED)
    kafka, worker = Kafka("127.0.0.1:9"), Connect("http://127.0.0.1:9")
    return Settings(target, kafka, worker, folders, derive=Derive(1000), approval=Approval(required=False))


def test_what_is_derived_is_what_the_rows_imply(played: Played, settings: Settings) -> None:
    apply_target(settings)
    with connect(settings.target, "test") as land:
        land.autocommit = True
        for mirror in played.live:
            schema, _, table = mirror.partition(".")
            _write(land, (schema, table), played.live[mirror])
            _write(land, (f"{schema}_deleted", table), played.gone[mirror])
        land.execute(
            "INSERT INTO cdc.position (stream, source, generations) VALUES ('cdc.erp', 'erp', 1), ('cdc.mes', 'mes', 1)"
        )
    _derive(settings)
    result = Result()
    source = Source(played.live, played.gone)
    with closing(_reader(settings.target)) as target:
        compare_canonical(source, target, played.log, result)
    assert result.clean, result.summary()
    assert result.tombstones > 10
    assert result.canonical_rows > 5_000
    # Every table has rows, and what is only there where systems or people disagree comes up.
    implied = imply(source)
    assert all(implied.rows.values()), [name for name, rows in implied.rows.items() if not rows]
    for folded in ("material", "material_lot"):
        assert any(row.values["_conflicts"] for row in implied.rows[folded].values())
    # Hardly a source table without a row that is held; which ones is the seed's affair.
    assert len({feed.source for feed in FEEDS} - {mapping for mapping, _ in implied.held}) <= 2


def _write(land: psycopg.Connection, table: tuple[str, str], rows: list[Row]) -> None:
    """Write rows of a table (schema, name), numbered in their order."""
    known = "SELECT column_name FROM information_schema.columns WHERE (table_schema, table_name) = (%s, %s)"
    there = {str(name) for (name,) in land.execute(known, table)}
    columns = [column for column in (rows[0] if rows else ()) if column in there]  # not what was added at work
    numbered = [*columns, *(name for name in ("_offset", "_deleted_offset") if name in there)]
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table), sql.SQL(", ").join(map(sql.Identifier, numbered))
    )
    with land.cursor() as cursor, cursor.copy(copy) as stream:
        for place, row in enumerate(rows):
            stream.write_row([*(row[column] for column in columns), *[str(place)] * (len(numbered) - len(columns))])


def _derive(settings: Settings) -> None:
    with connect(settings.target, "cdc derive test") as derive:
        derive.autocommit = True
        dictionary = read_dictionary(settings)
        for domain in dictionary.domains():
            plan = bind(domain, dictionary.digest, read_mirrors(derive, mirror_refs(domain)))
            open_session(derive, plan)
            epoch = take_lease(derive, plan)
            assert epoch is not None
            while run_turn(derive, plan, Version.of(dictionary), epoch):
                pass


def _reader(target: Target) -> PostgreSql:
    env = {
        "CDC_TARGET_HOST": target.host,
        "CDC_TARGET_PORT": str(target.port),
        "CDC_TARGET_USER": target.user,
        "CDC_TARGET_PASSWORD": target.password.reveal(),
        "CDC_TARGET_DATABASE": target.database,
    }
    return PostgreSql(env, "CDC_TARGET", "CDC_TARGET", "target")
