"""What faults happen to: new rows that are sound but for the fault, and old ones that many others stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from compose.simulator import names
from compose.simulator.erp import (
    BILL,
    CUSTOMER,
    ENTRY,
    FIRST_BILL,
    ITEM,
    ORDER_LINE,
    OTHER_RECEIPT,
    PACKAGING,
    SUPPLIER,
    lot_number,
    new_customer,
    new_item,
    new_packaging,
    new_supplier,
    sales_order,
    stock_bill,
)
from compose.simulator.masters import item_pool
from compose.simulator.mes import (
    COMPLAINT,
    GENEALOGY,
    INSPECTION,
    LABEL,
    LOT,
    MES_ITEM,
    RESULTS,
    SERIAL,
    WORK_ORDER,
    consume,
    new_complaint,
    new_inspection,
    new_label,
    new_lot,
    new_serial,
    new_work_order,
    serial_number,
)
from compose.simulator.mes import new_item as list_item
from compose.simulator.sales import ship
from compose.simulator.stock import received
from compose.simulator.transaction import Transaction
from compose.simulator.value import Key, Row, clean
from compose.simulator.world import Canonical, World


@dataclass(frozen=True, slots=True)
class Subject:
    """A row to spoil.

    `bearers` are the rows that are refused for it (itself, if none are named), `hides` the canonical rows that go
    away with it, `pool` where the row was taken from and belongs when it is right again. `like` is an existing row
    that a duplicate is made of.
    """

    transaction: Transaction
    mirror: str
    key: Key
    bearers: tuple[tuple[str, Key], ...] = ()
    hides: tuple[Canonical, ...] = ()
    returns: tuple[str, Key] | None = None
    like: Row | None = None


Maker = Callable[[World, str], Subject | None]


def material(world: World, action: str) -> Subject:
    """A new material."""
    transaction = Transaction("erp", action)
    return Subject(transaction, ITEM, new_item(world, transaction, "component"))


def listed_material(world: World, action: str) -> Subject:
    """A material of the ERP that the MES lists a second time, under a number that the ERP does not have."""
    transaction = Transaction("mes", action)
    item = world.pools[item_pool("component")].pick(world.rng)
    key = list_item(world, transaction, item)
    world.amend(transaction, MES_ITEM, key, item_no=f"T{key[0]}")
    return Subject(transaction, MES_ITEM, key)


def packaging(world: World, action: str) -> Subject:
    """How many pieces a carton of a component holds; nobody enters components in cartons."""
    transaction = Transaction("erp", action)
    item = world.pools[item_pool("component")].pick(world.rng)
    since = world.midnight - timedelta(days=world.number("carton"))
    return Subject(transaction, PACKAGING, new_packaging(world, transaction, item, names.CARTON, 200, since))


def customer(world: World, action: str) -> Subject:
    """A new customer."""
    transaction = Transaction("erp", action)
    return Subject(transaction, CUSTOMER, new_customer(world, transaction))


def supplier(world: World, action: str) -> Subject:
    """A new supplier."""
    transaction = Transaction("erp", action)
    return Subject(transaction, SUPPLIER, new_supplier(world, transaction))


def movement(world: World, action: str) -> Subject:
    """The entry of a receipt of pieces."""
    transaction = Transaction("erp", action)
    line = next(line for line in iter(lambda: received(world), None) if line.to_stock == names.PART_STOCK)
    return Subject(transaction, ENTRY, (stock_bill(world, transaction, OTHER_RECEIPT, [line]), 1))


def bill(world: World, action: str) -> Subject:
    """The head of a receipt; its entry is refused."""
    subject = movement(world, action)
    return Subject(subject.transaction, BILL, subject.key[:1], bearers=((ENTRY, subject.key),))


def shipment(world: World, action: str) -> Subject | None:
    """A shipped order line of a lot of consumables."""
    if not len(world.pools["lot.released"]):
        return None
    lot = world.row(LOT, *world.pools["lot.released"].pick(world.rng))
    transaction = Transaction("erp", action)
    buyer = world.pools["customer"].pick(world.rng)
    order = sales_order(world, transaction, buyer, [(world.codes[clean(lot["item_no"])], Decimal(5))])
    ship(world, transaction, (order, 1), None, lot["lot_no"])
    return Subject(transaction, ORDER_LINE, (order, 1))


def work_order(world: World, action: str) -> Subject:
    """A new work order."""
    transaction = Transaction("mes", action)
    item = world.pools[item_pool("product")].pick(world.rng)
    number = f"WORK{FIRST_BILL + world.number('task'):06d}"
    return Subject(transaction, WORK_ORDER, new_work_order(world, transaction, item, number, Decimal(10)))


def second_work_order(world: World, action: str) -> Subject | None:
    """A new work order, and one that waits for its start, whose number it may take."""
    pool = world.pools["wo.new"]
    if len(pool) < 2:
        return None
    key = pool.take(world.rng)
    old = world.row(WORK_ORDER, *key)
    subject = work_order(world, action)
    bearers = ((WORK_ORDER, key), (WORK_ORDER, subject.key))
    hides = (("job_order", (old["wo_no"],)),)
    return Subject(subject.transaction, WORK_ORDER, subject.key, bearers, hides, returns=("wo.new", key), like=old)


def lot(world: World, action: str) -> Subject | None:
    """A new lot, of the same work order as another one."""
    other = _open_lot(world)
    if other is None:
        return None
    transaction = Transaction("mes", action)
    item = world.codes[clean(other["item_no"])]
    return Subject(transaction, LOT, new_lot(world, transaction, item, lot_number(world), other["wo_no"]))


def _open_lot(world: World) -> Row | None:
    pool = world.pools["lot.open"]
    return world.row(LOT, *pool.pick(world.rng)) if len(pool) > 3 else None


def old_lot(world: World, action: str) -> Subject | None:
    """A lot whose units are there: they wait for it."""
    row = _open_lot(world)
    if row is None:
        return None
    key = (row["lot_id"],)
    world.pools["lot.open"].discard(key)
    hides = (("material_lot", (clean(row["item_no"]), row["lot_no"])),)
    return Subject(Transaction("mes", action), LOT, key, hides=hides, returns=("lot.open", key))


def serial(world: World, action: str) -> Subject | None:
    """A new unit."""
    row = _open_lot(world)
    if row is None:
        return None
    transaction = Transaction("mes", action)
    return Subject(transaction, SERIAL, new_serial(world, transaction, row, serial_number(world)))


def odd_serial(world: World, action: str) -> Subject | None:
    """A new unit with a serial number that no barcode can hold; what is written of it is refused with it."""
    row = _open_lot(world)
    if row is None:
        return None
    transaction = Transaction("mes", action)
    key = new_serial(world, transaction, row, f"补{serial_number(world)}#")
    written = ((SERIAL, "sn"), (GENEALOGY, "parent_sn"), (LABEL, "sn"))
    bearers = [
        (mirror, world.tables[mirror].key_of(inserted))
        for mirror, column in written
        for inserted in transaction.inserted(mirror)
        if inserted[column] == key[0]
    ]
    return Subject(transaction, SERIAL, key, bearers=tuple(bearers))


def label(world: World, action: str) -> Subject | None:
    """A new label of a unit that is there already."""
    unit = _passed(world)
    if unit is None:
        return None
    transaction = Transaction("mes", action)
    return Subject(transaction, LABEL, new_label(world, transaction, unit, unit["sn"]))


def measurement(world: World, action: str) -> Subject | None:
    """A line of a new inspection of a unit that passed before."""
    found = inspection(world, action)
    if found is None:
        return None
    lines = [world.tables[RESULTS].key_of(row) for row in found.transaction.inserted(RESULTS)]
    return Subject(found.transaction, RESULTS, lines[0])


def genealogy(world: World, action: str) -> Subject | None:
    """A component that goes into a unit which is there already."""
    unit, lots = _passed(world), world.pools["lot.component"]
    if unit is None or not len(lots):
        return None
    transaction = Transaction("mes", action)
    component = world.row(LOT, *lots.pick(world.rng))
    return Subject(transaction, GENEALOGY, consume(world, transaction, unit["sn"], component))


def complaint(world: World, action: str) -> Subject | None:
    """A new complaint about a unit that passed before."""
    unit = _passed(world)
    if unit is None:
        return None
    transaction = Transaction("mes", action)
    return Subject(transaction, COMPLAINT, new_complaint(world, transaction, unit))


def _passed(world: World) -> Row | None:
    pool = world.pools["sn.passed"]
    return world.row(SERIAL, *pool.pick(world.rng)) if len(pool) else None


def inspection(world: World, action: str) -> Subject | None:
    """A new inspection of a unit that passed before."""
    row = _passed(world)
    if row is None:
        return None
    transaction = Transaction("mes", action)
    return Subject(transaction, INSPECTION, new_inspection(world, transaction, "OQC", row))
