"""Sales: orders, and shipments of units that the MES has made and passed."""

from __future__ import annotations

from decimal import Decimal

from compose.simulator import names
from compose.simulator.erp import (
    ORDER,
    ORDER_LINE,
    SALES_ISSUE,
    Line,
    movement_id,
    sales_order,
    stock_bill,
)
from compose.simulator.masters import item_pool
from compose.simulator.mes import LOT, SERIAL, serial_stands_on
from compose.simulator.transaction import Transaction
from compose.simulator.value import Key, Row, clean
from compose.simulator.world import World


def order_created(world: World) -> Transaction:
    """A customer orders units and consumables."""
    transaction = Transaction("erp", "sales order created")
    _order(world, transaction, [_wanted(world) for _ in range(world.rng.randint(1, 3))])
    return transaction


def _wanted(world: World) -> tuple[Key, Decimal]:
    ready = world.pools["sn.passed"]
    if len(ready) and world.chance(0.75):
        serial = world.row(SERIAL, *ready.pick(world.rng))
        return world.codes[clean(serial["item_no"])], Decimal(1)
    released = world.pools["lot.released"]
    if len(released):
        lot = world.row(LOT, *released.pick(world.rng))
        return world.codes[clean(lot["item_no"])], world.amount(10, 400)
    return world.pools[item_pool("consumable")].pick(world.rng), world.amount(10, 400)


def _order(world: World, transaction: Transaction, lines: list[tuple[Key, Decimal]]) -> int:
    customer = world.pools["customer"].pick(world.rng)
    number = sales_order(world, transaction, customer, lines)
    for place, (item, _) in enumerate(lines, 1):
        world.settle(open_lines(item), (number, place), 5)
    return number


def open_lines(item: Key) -> str:
    """Return the pool of order lines for a material that nothing was shipped on yet."""
    return f"order.{item[0]}"


def unit_shipped(world: World) -> Transaction | None:
    """A unit that passed its final inspection leaves: order line, order, issue and stock in one transaction."""
    serial = ready_serial(world)
    if serial is None:
        return None
    line = _line_for(world, world.codes[clean(serial["item_no"])])
    if line is None:
        return None
    transaction = Transaction("erp", "unit shipped")
    world.pools["sn.passed"].discard((serial["sn"],))
    ship(world, transaction, line, serial["sn"], serial["lot_no"])
    customer = world.row(ORDER, line[0])["FCustID"]
    if (customer,) in world.pools["customer"]:
        world.probe(transaction, "shipment", movement_id(*line))
        world.settle("sn.shipped", (serial["sn"],), 5)
    _tell_mes(world, serial["sn"])
    return transaction


def ready_serial(world: World) -> Row | None:
    """Return a unit that is ready to leave and visible to everybody."""
    if not len(world.pools["sn.passed"]):
        return None
    serial = world.row(SERIAL, *world.pools["sn.passed"].pick(world.rng))
    return serial if world.visible(serial_stands_on(serial)) else None


def _line_for(world: World, item: Key) -> Key | None:
    """Return an open order line for the material."""
    pool = world.pools[open_lines(item)]
    return pool.take(world.rng) if len(pool) else None


def ship(world: World, transaction: Transaction, line: Key, serial: str | None, lot: str) -> None:
    """Ship an order line."""
    row = world.row(ORDER_LINE, *line)
    world.update(transaction, ORDER_LINE, line, FShipDate=world.now, FSerialNo=serial, FBatchNo=lot)
    order = world.row(ORDER, line[0])
    shipped = Line(
        (row["FItemID"],),
        row["FQty"],
        lot,
        unit=row["FUnitID"],
        from_stock=names.GOODS_STOCK,
        source_bill=order["FBillNo"],
    )
    stock_bill(world, transaction, SALES_ISSUE, [shipped])
    world.update(transaction, ORDER, (line[0],), FStatus=3 if row["FEntryID"] > 1 else 2)


def _tell_mes(world: World, serial: str) -> None:
    """The MES marks the unit when the truck has left."""

    def mark(world: World) -> Transaction | None:
        if (serial,) not in world.rows[SERIAL]:
            return None
        transaction = Transaction("mes", "unit marked as shipped")
        world.update(transaction, SERIAL, (serial,), status="SHIP", station=None)
        return transaction

    world.later(world.rng.randint(5, 40), mark)


def lot_shipped(world: World) -> Transaction | None:
    """Consumables leave by lot."""
    if not len(world.pools["lot.released"]):
        return None
    lot = world.row(LOT, *world.pools["lot.released"].pick(world.rng))
    line = _line_for(world, world.codes[clean(lot["item_no"])])
    if line is None:
        return None
    transaction = Transaction("erp", "lot shipped")
    ship(world, transaction, line, None, lot["lot_no"])
    if (world.row(ORDER, line[0])["FCustID"],) in world.pools["customer"]:
        world.probe(transaction, "shipment", movement_id(*line))
    if line[1] == 1 and (line[0], 2) not in world.rows[ORDER_LINE]:
        world.settle("order.cancellable", (line[0],), 20)
    return transaction


def order_cancelled(world: World) -> Transaction | None:
    """An order is cancelled: what was shipped on it leaves the filter."""
    shipped = world.pools["order.cancellable"]
    if not len(shipped):
        return None
    transaction = Transaction("erp", "sales order cancelled")
    world.update(transaction, ORDER, shipped.take(world.rng), FCancellation=1)
    return transaction
