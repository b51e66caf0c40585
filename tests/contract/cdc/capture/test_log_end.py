"""Where the logs of live sources end: further after each commit, and told from what a backup would say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cdc.capture.log_end import read_log_end
from cdc.capture.source import Source
from cdc.errors import FatalError, TransientError
from cdc.land.restored import require_not_restored

Run = Callable[[str], None]
Describe = Callable[..., Source]


def require_growth(source: Source, servers: dict[str, str], commit: Callable[[], None]) -> None:
    commit()
    before = read_log_end(source, servers)
    commit()
    after = read_log_end(source, servers)
    assert after.keys() == before.keys()
    assert [mark > before[name] for name, mark in after.items()] == [True]
    require_not_restored("cdc.x", before, after)
    with pytest.raises(FatalError, match="STR-123"):
        require_not_restored("cdc.x", after, before)
    with pytest.raises(TransientError, match="SRC-110"):
        read_log_end(replace(source, port="9"), servers)


def test_of_mariadb(mariadb: Run, mariadb_source: Describe, servers: dict[str, str]) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY)")
    numbers = iter(range(9))
    require_growth(mariadb_source("t"), servers, lambda: mariadb(f"INSERT INTO t VALUES ({next(numbers)})"))


def test_of_postgresql(postgresql: Run, postgresql_source: Describe, servers: dict[str, str]) -> None:
    postgresql("CREATE TABLE t (id int PRIMARY KEY)")
    numbers = iter(range(9))
    require_growth(postgresql_source("t"), servers, lambda: postgresql(f"INSERT INTO t VALUES ({next(numbers)})"))
