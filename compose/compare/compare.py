"""The comparison as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
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
    log = read_log(log_path)
    with ExitStack() as stack:
        erp = stack.enter_context(closing(MariaDb(env, "erp")))
        mes = stack.enter_context(closing(PostgreSql(env, "CDC_MES", "CDC_MES_ADMIN", "mes")))
        target = stack.enter_context(closing(PostgreSql(env, "CDC_TARGET", "CDC_TARGET", "target")))
        sources: tuple[SourceDatabase, ...] = (erp, mes)
        for source in sources:
            compare_source(source, target, result)
        compare_canonical(read_sources(sources, log), target, log, result)
        compare_ledger(env["CDC_KAFKA"], target, result)
    return result
