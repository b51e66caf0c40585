"""Production: orders of the ERP become work orders of the MES, lots, and units with serial numbers."""

from __future__ import annotations

from datetime import timedelta

from compose.simulator.erp import FIRST_BILL, ITEM, TASK, lot_number, person
from compose.simulator.masters import item_pool
from compose.simulator.mes import (
    LOT,
    WORK_ORDER,
    lot_stands_on,
    new_lot,
    new_serial,
    new_work_order,
    serial_number,
)
from compose.simulator.transaction import Transaction
from compose.simulator.value import Key, Row, Value, clean
from compose.simulator.world import World

# So many are kept at work: fewer would starve what follows.
_RUNNING = 8


def task_created(world: World) -> Transaction:
    """The ERP plans a production order; the MES takes it over a little later."""
    transaction = Transaction("erp", "production order planned")
    kind = world.rng.choice(("product", "product", "consumable"))
    item = world.pools[item_pool(kind)].pick(world.rng)
    number = FIRST_BILL + world.number("task")
    quantity = world.amount(10, 200)
    world.insert(
        transaction,
        TASK,
        FInterID=number,
        FBillNo=f"WORK{number:06d}",
        FItemID=item[0],
        FUnitID=world.row(ITEM, *item)["FUnitID"],
        FQty=quantity,
        FAuxQty=quantity,
        FPlanCommitDate=world.midnight,
        FPlanFinishDate=world.midnight + timedelta(days=14),
        FCheckerID=16394,
    )

    def take_over(world: World) -> Transaction:
        taken = Transaction("mes", "work order created")
        key = new_work_order(world, taken, item, f"WORK{number:06d}", quantity)
        world.probe(taken, "job_order", f"WORK{number:06d}")
        world.settle("wo.new", key, 20)
        return taken

    world.later(world.rng.randint(5, 30), take_over)
    return transaction


def work_order_released(world: World) -> Transaction | None:
    """A work order starts, on both sides' books."""
    if not len(world.pools["wo.new"]):
        return None
    key = world.pools["wo.new"].take(world.rng)
    transaction = Transaction("mes", "work order released")
    world.update(transaction, WORK_ORDER, key, state="RUN", started_at=world.instant)
    world.pools["wo.running"].add(key)
    _follow(world, key, FStatus=1, FStartDate=world.midnight)
    return transaction


def work_order_finished(world: World) -> Transaction | None:
    """A work order is done."""
    if len(world.pools["wo.running"]) <= _RUNNING:
        return None
    key = world.pools["wo.running"].take(world.rng)
    transaction = Transaction("mes", "work order finished")
    world.update(
        transaction,
        WORK_ORDER,
        key,
        state=world.rng.choice(("DONE", "CLOSED")),
        completed_at=world.instant,
        priority=None,
    )
    _follow(world, key, FStatus=3, FFinishDate=world.midnight)
    return transaction


def _follow(world: World, key: Key, **changes: Value) -> None:
    """The ERP's production order follows the MES."""
    number = int(world.row(WORK_ORDER, *key)["wo_no"].removeprefix("WORK"))

    def report(world: World) -> Transaction:
        transaction = Transaction("erp", "production order reported")
        world.update(transaction, TASK, (number,), **changes)
        return transaction

    world.later(world.rng.randint(3, 20), report)


def lot_opened(world: World) -> Transaction | None:
    """A work order gets a lot."""
    if not len(world.pools["wo.running"]):
        return None
    order = world.row(WORK_ORDER, *world.pools["wo.running"].pick(world.rng))
    item = world.codes[clean(order["item_no"])]
    transaction = Transaction("mes", "lot opened")
    key = new_lot(world, transaction, item, lot_number(world), order["wo_no"])
    row = world.row(LOT, *key)
    if world.visible(lot_stands_on(row)):
        world.probe(transaction, "material_lot", row["item_no"], row["lot_no"])
    world.settle(lot_pool(world, item), key, 20)
    return transaction


def lot_pool(world: World, item: Key) -> str:
    """Return the pool of lots that are being made: of units with serials, or of consumables."""
    return "lot.open" if world.row(ITEM, *item)["FIsSnManage"] else "lot.batch"


def serials_produced(world: World) -> Transaction | None:
    """Some units of a lot come off the line."""
    if not len(world.pools["lot.open"]):
        return None
    lot = world.row(LOT, *world.pools["lot.open"].pick(world.rng))
    transaction = Transaction("mes", "serials produced")
    first, *_ = keys = [make_unit(world, transaction, lot) for _ in range(world.rng.randint(1, 3))]
    count_done(world, transaction, lot["wo_no"], len(keys))
    if world.visible(lot_stands_on(lot)):
        world.probe(transaction, "serial_unit", first[0])
    return transaction


def make_unit(world: World, transaction: Transaction, lot: Row) -> Key:
    """Make one unit; inspection finds it a little later."""
    key = new_serial(world, transaction, lot, serial_number(world))
    world.settle("sn.made", key, 10)
    return key


def count_done(world: World, transaction: Transaction, work_order: str, count: int) -> None:
    """Add to what a work order has done."""
    key = world.work_orders[work_order]
    world.update(transaction, WORK_ORDER, key, done_qty=world.row(WORK_ORDER, *key)["done_qty"] + count)


def lot_released(world: World) -> Transaction | None:
    """Quality releases a lot."""
    pool = world.pools[world.rng.choice(("lot.open", "lot.batch"))]
    if len(pool) <= _RUNNING:
        return None
    key = pool.take(world.rng)
    transaction = Transaction("mes", "lot released")
    status = "OK" if world.chance(0.85) else "HOLD"
    world.update(transaction, LOT, key, status=status, released_by=person(world), released_at=world.instant)
    item = world.codes[clean(world.row(LOT, *key)["item_no"])]
    if status == "OK":
        world.settle("lot.released" if lot_pool(world, item) == "lot.batch" else "lot.done", key, 20)
    return transaction


def lot_corrected(world: World) -> Transaction | None:
    """A lot's quantity is counted again."""
    pool = world.pools["lot.open"]
    if not len(pool):
        return None
    transaction = Transaction("mes", "lot corrected")
    world.update(transaction, LOT, pool.pick(world.rng), qty=world.amount(10, 600, 2))
    return transaction
