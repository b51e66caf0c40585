"""What no quiet window may see: an update of 20,000 rows in one transaction, and columns that are added at work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from compose.simulator.erp import BILL, ENTRY, FIRST_ITEM, ITEM
from compose.simulator.mes import SERIAL
from compose.simulator.production import serials_produced
from compose.simulator.schema import Column
from compose.simulator.stock import purchase_receipt
from compose.simulator.transaction import Insert, Statement, Transaction
from compose.simulator.value import Row
from compose.simulator.world import World

# The bills of an old year, seeded in bulk; nothing else ever touches them.
OLD_BILLS: Final = 100
OLD_ENTRIES: Final = 200
OLD_ROWS: Final = OLD_BILLS * OLD_ENTRIES
# How many of the first seeded materials they are about.
OLD_ITEMS: Final = 40

_OLD_YEAR: Final = datetime(2019, 1, 2, 0, 0, 0)  # noqa: DTZ001 (the ERP stores the plant's local time)


def old_year(world: World) -> Iterator[Insert]:
    """Yield the bills of an old year; they are not part of the world, which would only grow by them."""
    bills, entries = world.tables[BILL], world.tables[ENTRY]
    heads = [bills.complete(_old_bill(number)) for number in range(1, OLD_BILLS + 1)]
    yield Insert(bills, tuple(bills.columns), heads)
    for head in heads:
        rows = [entries.complete(_old_entry(world, head, place)) for place in range(1, OLD_ENTRIES + 1)]
        yield Insert(entries, tuple(entries.columns), rows)


def _old_bill(number: int) -> Row:
    moment = _OLD_YEAR + timedelta(days=3 * number)
    return {
        "FInterID": number,
        "FTranType": (1, 24)[number % 2],
        "FBillNo": f"OLD{number:06d}",
        "FDate": moment,
        "FCheckerID": 16394,
        "FCheckDate": moment,
    }


def _old_entry(world: World, head: Row, place: int) -> Row:
    item = world.row(ITEM, FIRST_ITEM + (head["FInterID"] * 7 + place) % OLD_ITEMS)
    amount = Decimal(place % 97 + 1)
    return {
        "FInterID": head["FInterID"],
        "FEntryID": place,
        "FItemID": item["FItemID"],
        "FQty": amount,
        "FAuxQty": amount,
        "FUnitID": item["FUnitID"],
        "FBatchNo": f"19A{head['FInterID']:03d}{place % 50:02d}",
        "FDCStockID": 1,
    }


def old_year_updated(world: World) -> Transaction:
    """An administrator marks the old year as archived: all its entries in one statement."""
    transaction = Transaction("erp", "bulk update")
    mark = f"ARCH-{world.number('archive')}-"
    sql = "UPDATE ICStockBillEntry SET FSourceBillNo = CONCAT(%s, FInterID) WHERE FInterID BETWEEN 1 AND %s"
    world.bulk(transaction, Statement(sql, (mark, OLD_BILLS)), ENTRY, OLD_ROWS)
    return transaction


def column_added_in_erp(world: World) -> Transaction:
    """The ERP's consultant adds a user column to the entries of stock bills."""
    name = f"FEntrySelfA{100 + world.number('user column'):04d}"
    transaction = Transaction("erp", "column added in ERP")
    transaction.writes.append(Statement(f"ALTER TABLE ICStockBillEntry ADD COLUMN {name} varchar(60) NULL"))
    world.tables[ENTRY].columns[name] = Column("varchar", 0, None)

    def use(world: World) -> Transaction:
        receipt = purchase_receipt(world)
        receipt.action = "new column used in ERP"
        _fill(world, receipt, ENTRY, name)
        return receipt

    for steps in (1, 2, 5, 40):
        world.later(steps, use)
    return transaction


def column_added_in_mes(world: World) -> Transaction:
    """The factory's own developers add a column to the units."""
    name = f"fw_version_{world.number('fw column')}"
    transaction = Transaction("mes", "column added in MES")
    transaction.writes.append(Statement(f"ALTER TABLE mes_sn ADD COLUMN {name} varchar(20)"))
    world.tables[SERIAL].columns[name] = Column("varchar", 0, None)

    def use(world: World) -> Transaction | None:
        produced = serials_produced(world)
        if produced is not None:
            produced.action = "new column used in MES"
            _fill(world, produced, SERIAL, name)
        return produced

    for steps in (1, 2, 5, 40):
        world.later(steps, use)
    return transaction


def _fill(world: World, transaction: Transaction, mirror: str, column: str) -> None:
    """Give the new column a value in every row that the transaction inserts."""
    for write in transaction.writes:
        if isinstance(write, Insert) and write.table.mirror == mirror:
            for row in write.rows:
                world.amend(transaction, mirror, write.table.key_of(row), **{column: f"v{world.step % 1000}"})
