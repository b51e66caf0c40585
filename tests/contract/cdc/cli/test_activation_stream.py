"""What lands while a shadow is built is followed in the session that has built it: nothing of the building stays."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from cdc.activate.activation import Activation
from cdc.activate.edition import Change, Edition
from cdc.cli.target import apply_target
from cdc.config import load as load_settings
from cdc.derive.active import record
from cdc.store.connection import connect
from tests.bench.bench_derive import CHANGE, FILL
from tests.bench.rederive import with_one_synonym_more
from tests.contract.cdc.test_derive_worker import Sources, Worker, wait_until
from transforms.load import load

ROWS = 300


@pytest.fixture
def sources(config: Path, target_dsn: str) -> Iterator[Sources]:
    """Serial units of folded lots, derived by a worker that goes on."""
    settings = load_settings(config)
    apply_target(settings)
    sources = Sources(target_dsn)
    with psycopg.ClientCursor(sources.connection) as cursor:
        cursor.execute(FILL.encode(), {"rows": ROWS, "lots": ROWS // 100})
    Worker(settings)
    wait_until(lambda: count(sources, "trace.serial_unit") == ROWS)
    yield sources
    for each in Worker.running:
        each.end(sources)
    Worker.running.clear()
    sources.connection.close()


def count(sources: Sources, table: str) -> int:
    return int(sources.connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()[0][0])


def test_changes_that_land_meanwhile_find_the_rows_that_they_refer_to(
    config: Path, sources: Sources, tmp_path: Path
) -> None:
    settings, old, new = load_settings(config), load(), load(with_one_synonym_more(tmp_path))
    record(sources.connection, settings, new)
    activation = Activation(
        partial(connect, settings.target), Edition.of(old), Edition.of(new), Change.between(old, new), "test"
    )
    activation.prepare()
    for batch, _ in enumerate(activation.build(), start=1):
        sources.connection.execute(CHANGE.format(place=batch, batch=batch).encode())
    activation.follow()
    difference = activation.compare()
    activation.end()
    assert (difference.rows, difference.held) == (0, ())
