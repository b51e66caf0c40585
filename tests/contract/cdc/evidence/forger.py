"""What somebody who owns the target can make of a journal, as well as he knows how."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cdc.change import Record
from cdc.evidence.chain import GENESIS
from cdc.land.journal import pack, record_digest, unpack
from tests.contract.cdc.land.stage import Stage


def execute(stage: Stage, text: str, *parameters: object) -> None:
    with stage.connection.transaction():
        stage.connection.execute(text.encode(), parameters)


def forge(stage: Stage, batch: int, change: Callable[[list[Record]], list[Record]]) -> None:
    """Have other records in a batch; how many there are, and where they begin, is made to fit, too."""
    ((chunk,),) = stage.query("SELECT chunk FROM cdc.journal WHERE batch = %s", batch)
    records = change(unpack(chunk))
    execute(
        stage,
        "UPDATE cdc.journal SET chunk = %s, records = %s, first_offset = %s WHERE batch = %s",
        *(pack(records), len(records), records[0].offset, batch),
    )


def with_new_heads(stage: Stage) -> None:
    """Write all heads anew, as somebody would who owns the database."""
    chain = GENESIS
    for batch, chunk in stage.query("SELECT batch, chunk FROM cdc.journal ORDER BY batch, first_offset"):
        for record in unpack(chunk):
            chain = hashlib.sha256(chain + record_digest(record)).digest()
        execute(stage, "UPDATE cdc.journal SET chain = %s WHERE batch = %s", chain, batch)
    execute(stage, "UPDATE cdc.position SET chain = %s", chain)


def cut_off(stage: Stage) -> None:
    """Drop the last batch, and all that says that it was there."""
    last = stage.position.batch
    for table in ("journal", "changed_key", "batch_table", "unit", "batch"):
        execute(stage, f"DELETE FROM cdc.{table} WHERE batch = %s", last)
    execute(
        stage,
        "UPDATE cdc.position p SET batch = j.batch, chain = j.chain, next_offset = b.next_offset"
        " FROM cdc.journal j JOIN cdc.batch b USING (stream, batch) WHERE j.batch = %s",
        last - 1,
    )


def changed(records: list[Record]) -> list[Record]:
    assert records[0].value is not None
    return [records[0]._replace(value=records[0].value + b" "), *records[1:]]
