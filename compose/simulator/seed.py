"""The state in which the replication finds both applications: master data, an old year, and some days of work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

from compose.simulator import names
from compose.simulator.erp import STOCK, UNIT, new_customer, new_item, new_supplier
from compose.simulator.heavy import old_year
from compose.simulator.masters import KINDS, item_pool, pack
from compose.simulator.mes import new_item as list_item
from compose.simulator.plan import history
from compose.simulator.transaction import Transaction
from compose.simulator.world import World

# The same data in every installation: runs differ by their seed, not by where they start.
_SEED: Final = 1
_COUNTS: Final = {"raw": 60, "component": 120, "product": 40, "consumable": 40}
_SUPPLIERS, _CUSTOMERS = 40, 80
_DAYS_OF_WORK: Final = 1600


@dataclass(frozen=True, slots=True)
class Seed:
    """The world as it is found, and the transactions that made it."""

    world: World
    transactions: tuple[Transaction, ...]

    def of(self, source: str) -> Iterable[Transaction]:
        """Return the transactions of one application."""
        return (transaction for transaction in self.transactions if transaction.source == source)

    def bad(self, source: str) -> list[tuple[str, list[str | None], str]]:
        """Return the rows that are wrong from the start."""
        tables = self.world.tables
        return [
            (mirror, tables[mirror].key_text(key), code)
            for (mirror, key), code in self.world.bad.items()
            if mirror.startswith(f"{source}.")
        ]


def seed() -> Seed:
    """Make the start state."""
    world = World(Random(_SEED))
    masters = Transaction("erp", "master data")
    _fixed(world, masters)
    for kind in KINDS:
        for _ in range(_COUNTS[kind]):
            world.pools[item_pool(kind)].add(new_item(world, masters, kind))
    for item in world.pools[item_pool("consumable")].latest(_COUNTS["consumable"])[::2]:
        pack(world, masters, item)
    for _ in range(_SUPPLIERS):
        world.pools["supplier"].add(new_supplier(world, masters))
    for _ in range(_CUSTOMERS):
        world.pools["customer"].add(new_customer(world, masters))
    masters.writes.extend(old_year(world))
    listed = Transaction("mes", "master data")
    for kind in KINDS[1:]:
        for item in world.pools[item_pool(kind)].latest(_COUNTS[kind]):
            list_item(world, listed, item)
    work = tuple(transaction for transaction in history(world, _DAYS_OF_WORK) if not transaction.rolls_back)
    return Seed(world, (masters, listed, *work))


def _fixed(world: World, transaction: Transaction) -> None:
    for number, group, code, name, factor in names.UNITS:
        world.insert(
            transaction,
            UNIT,
            FItemID=number,
            FUnitGroupID=group,
            FNumber=code,
            FName=name,
            FCoefficient=Decimal(factor),
            FStandard=int(factor == "1"),
        )
    for number, code, name in names.STOCKS:
        world.insert(transaction, STOCK, FItemID=number, FNumber=code, FName=name, FIsStockMgr=1)
