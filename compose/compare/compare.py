"""The comparison as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from compose.compare.canonical import compare_canonical, read_sources
from compose.compare.database import MariaDb, PostgreSql, SourceDatabase
from compose.compare.ledger import compare_ledger
from compose.compare.log import read_log
from compose.compare.mirror import compare_source
from compose.compare.result import Result


def compare(env: Mapping[str, str], log_path: Path) -> Result:
    """Compare everything. Sources must be at rest, and all of them landed and derived."""
    result = Result()
    sources: dict[str, SourceDatabase] = {
        "erp": MariaDb(env, "erp"),
        "mes": PostgreSql(env, "CDC_MES", "CDC_MES_ADMIN", "mes"),
    }
    target = PostgreSql(env, "CDC_TARGET", "CDC_TARGET", "target")
    log = read_log(log_path)
    for source in sources.values():
        compare_source(source, target, result)
    compare_canonical(read_sources(sources, log), target, log, result)
    compare_ledger(env["CDC_KAFKA"], target, result)
    return result
