"""Stock bills of the ERP: receipts, issues, transfers, reversals, approval at once or long after."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from compose.simulator import names
from compose.simulator.erp import (
    BILL,
    ENTRY,
    ITEM,
    MATERIAL_ISSUE,
    ON_HAND,
    OTHER_ISSUE,
    OTHER_RECEIPT,
    PRODUCTION_RECEIPT,
    PURCHASE_RECEIPT,
    TRANSFER,
    Line,
    base_quantity,
    entries,
    lot_number,
    move_stock,
    movement_id,
    stock_bill,
)
from compose.simulator.masters import item_pool
from compose.simulator.mes import LOT, new_inspection, new_lot
from compose.simulator.transaction import Transaction
from compose.simulator.value import clean
from compose.simulator.world import World


def purchase_receipt(world: World) -> Transaction:
    """Goods come in and are booked at once."""
    transaction = Transaction("erp", "purchase receipt")
    _receive(world, transaction, approved=True)
    return transaction


def unapproved_receipt(world: World) -> Transaction:
    """Goods come in; somebody approves the bill much later."""
    transaction = Transaction("erp", "receipt not approved")
    bill = _receive(world, transaction, approved=False)

    def approve(world: World) -> Transaction:
        late = Transaction("erp", "bill approved")
        world.update(late, BILL, (bill,), FCheckerID=16394, FCheckDate=world.midnight)
        move_stock(world, late, bill)
        announce(world, late, bill)
        return late

    world.later(world.rng.randint(100, 500), approve)
    return transaction


def _receive(world: World, transaction: Transaction, *, approved: bool) -> int:
    lines = [received(world) for _ in range(world.rng.randint(1, 4))]
    supplier = world.pools["supplier"].pick(world.rng)
    bill = stock_bill(world, transaction, PURCHASE_RECEIPT, lines, approved=approved, FSupplyID=supplier[0])
    if approved:
        announce(world, transaction, bill)
    component = next((line for line in lines if line.to_stock == names.PART_STOCK), None)
    if component is not None:
        _inspect_later(world, component)
    return bill


def received(world: World) -> Line:
    """Return a line that brings a new lot of something bought."""
    kind = world.rng.choice(("raw", "component", "component"))
    item = world.pools[item_pool(kind)].pick(world.rng)
    return Line(
        item,
        world.amount(5, 2000, 0 if kind == "component" else 3),
        lot_number(world),
        unit=world.rng.choice(names.ENTERED_IN[world.row(ITEM, *item)["FUnitID"]]),
        made=world.midnight - timedelta(days=world.rng.randint(1, 60)) if world.chance(0.7) else None,
        to_stock=names.RAW_STOCK if kind == "raw" else names.PART_STOCK,
        source_bill=f"POORD{world.number('purchase'):06d}",
    )


def _inspect_later(world: World, line: Line) -> None:
    """The MES hears of a component lot when incoming inspection has it on the table."""

    def inspect(world: World) -> Transaction | None:
        if line.item not in world.pools[item_pool("component")]:
            return None
        transaction = Transaction("mes", "incoming inspection")
        key = new_lot(world, transaction, line.item, str(line.lot))
        lot = world.row(LOT, *key)
        (inspection,) = new_inspection(world, transaction, "IQC", lot)
        world.probe(transaction, "test_result", f"MES-{inspection}")  # of the lot the ERP's receipt has told before
        world.settle("lot.component", key, 50)
        return transaction

    world.later(world.rng.randint(160, 300), inspect)


def announce(world: World, transaction: Transaction, bill: int) -> None:
    """The first entry is to be waited for; the bill may be corrected once it has arrived."""
    first, *_ = entries(world, bill)
    item = world.row(ITEM, world.row(ENTRY, *first)["FItemID"])
    if world.visible([("material", (clean(item["FNumber"]),))]):
        world.probe(transaction, "stock_movement", movement_id(*first))
    world.settle("bill", (bill,))


def _issue(world: World, action: str, kind: int, to_stock: int | None = None) -> Transaction | None:
    lines = {line.lot: line for line in (_issued(world, to_stock) for _ in range(2)) if line}
    if not lines:
        return None
    transaction = Transaction("erp", action)
    announce(world, transaction, stock_bill(world, transaction, kind, list(lines.values())))
    return transaction


def _issued(world: World, to_stock: int | None) -> Line | None:
    """Return a line that takes something out of a stock."""
    pool = world.pools["on hand"]
    if not len(pool):
        return None
    key = pool.pick(world.rng)
    row = world.rows[ON_HAND].get(key)
    if row is None or row["FQty"] <= 0 or row["FStockID"] == to_stock:
        pool.discard(key)
        return None
    amount = min(row["FQty"], Decimal(world.rng.randint(1, 300)))
    unit = world.row(ITEM, row["FItemID"])["FUnitID"]
    return Line((row["FItemID"],), amount, row["FBatchNo"], unit=unit, to_stock=to_stock, from_stock=row["FStockID"])


def material_issue(world: World) -> Transaction | None:
    """Material goes to production."""
    return _issue(world, "material issue", MATERIAL_ISSUE)


def other_issue(world: World) -> Transaction | None:
    """Samples, scrap."""
    return _issue(world, "other issue", OTHER_ISSUE)


def transfer(world: World) -> Transaction | None:
    """Goods change stocks."""
    return _issue(world, "transfer", TRANSFER, world.rng.choice((8, 9, 10)))


def other_receipt(world: World) -> Transaction:
    """Found at stock-taking."""
    transaction = Transaction("erp", "other receipt")
    announce(world, transaction, stock_bill(world, transaction, OTHER_RECEIPT, [received(world)]))
    return transaction


def production_receipt(world: World) -> Transaction | None:
    """Part of a lot of finished goods comes into the goods stock."""
    if not len(world.pools["lot.open"]):
        return None
    lot = world.row(LOT, *world.pools["lot.open"].pick(world.rng))
    transaction = Transaction("erp", "production receipt")
    line = Line(
        world.codes[clean(lot["item_no"])],
        world.amount(1, 20),
        lot["lot_no"],
        made=world.midnight,
        to_stock=names.GOODS_STOCK,
        source_bill=lot["wo_no"],
    )
    announce(world, transaction, stock_bill(world, transaction, PRODUCTION_RECEIPT, [line]))
    return transaction


def red_reversal(world: World) -> Transaction | None:
    """A red bill takes the first entry of a receipt back."""
    if not len(world.pools["bill"]):
        return None
    (bill,) = world.pools["bill"].pick(world.rng)
    head, line = world.row(BILL, bill), world.row(ENTRY, *entries(world, bill)[0])
    if head["FTranType"] not in {PURCHASE_RECEIPT, OTHER_RECEIPT} or head["FROB"] != 1:
        return None
    transaction = Transaction("erp", "red reversal")
    red = Line(
        (line["FItemID"],),
        line["FAuxQty"],
        clean(line["FBatchNo"]),
        unit=line["FUnitID"],
        to_stock=line["FDCStockID"],
        source_bill=head["FBillNo"],
    )
    number = stock_bill(world, transaction, head["FTranType"], [red], FROB=-1, FExplanation="红字冲销")
    announce(world, transaction, number)
    return transaction


def entry_corrected(world: World) -> Transaction | None:
    """Somebody had mistyped a quantity."""
    if not len(world.pools["bill"]):
        return None
    (bill,) = world.pools["bill"].pick(world.rng)
    key = world.rng.choice(entries(world, bill))
    row = world.row(ENTRY, *key)
    transaction = Transaction("erp", "entry corrected")
    amount = world.amount(1, 900, 2)
    if world.row(ITEM, row["FItemID"])["FUnitID"] == names.PIECE:
        amount = amount.to_integral_value()
    quantity = base_quantity(amount, row["FUnitID"])
    world.update(transaction, ENTRY, key, FAuxQty=amount, FQty=quantity, FNote="数量更正")
    return transaction
