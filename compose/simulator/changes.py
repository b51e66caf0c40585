"""What breaks naive replication: keys that change, rows that come back, references that arrive late, nothing at all."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from compose.simulator.erp import (
    BILL,
    CUSTOMER,
    ENTRY,
    FIRST_BILL,
    ITEM,
    ORDER_LINE,
    SUPPLIER,
    entries,
    lot_number,
    movement_id,
    person,
    sales_order,
)
from compose.simulator.masters import item_pool
from compose.simulator.mes import (
    GENEALOGY,
    INSPECTION,
    LABEL,
    LOT,
    MES_ITEM,
    SERIAL,
    WORK_ORDER,
    item_code,
    lot_stands_on,
    new_lot,
    new_serial,
    new_work_order,
    serial_number,
)
from compose.simulator.production import count_done, lot_pool
from compose.simulator.sales import ship
from compose.simulator.transaction import Transaction
from compose.simulator.value import ZERO_DATETIME, Key, Row, clean
from compose.simulator.world import World


def material_renamed(world: World) -> Transaction:
    """A component gets another code; the MES, which knows it by its code, follows a little later."""
    key = world.pools[item_pool("component")].take(world.rng)
    old = item_code(world, key)
    new = f"{old.partition('A')[0]}A{world.number('rename')}"  # the MES has room for 20 characters
    transaction = Transaction("erp", "material renamed")
    world.update(transaction, ITEM, key, FNumber=new)
    world.codes[new] = world.codes.pop(old)

    def follow(world: World) -> Transaction | None:
        renamed = Transaction("mes", "material renamed in MES")
        for mirror, column in (
            (MES_ITEM, "item_no"),
            (LOT, "item_no"),
            (INSPECTION, "item_no"),
            (GENEALOGY, "child_item"),
        ):
            named = [row_key for row_key, row in world.rows[mirror].items() if row[column] == old]
            for row_key in named:
                if (mirror, row_key) not in world.bad:  # somebody sees to that one already
                    world.update(renamed, mirror, row_key, **{column: new})
        world.settle(item_pool("component"), key)
        return renamed if renamed.writes else None

    world.later(world.rng.randint(20, 80), follow)
    return transaction


def entry_renumbered(world: World) -> Transaction:
    """The last entry of a bill gets another number: its primary key changes."""
    (bill,) = world.pools["bill"].take(world.rng)
    key = entries(world, bill)[-1]
    transaction = Transaction("erp", "entry renumbered")
    new_key = world.update(transaction, ENTRY, key, FEntryID=key[1] + 50)
    world.probe(transaction, "stock_movement", movement_id(*new_key))
    return transaction


def entries_swapped(world: World) -> Transaction | None:
    """Two entries of a bill exchange their primary keys, by way of a third."""
    bill = next((bill for bill in world.pools["bill"].latest(40) if len(entries(world, bill[0])) > 1), None)
    if bill is None:
        return None
    first, second = entries(world, bill[0])[:2]
    transaction = Transaction("erp", "entries swapped")
    parked = world.update(transaction, ENTRY, first, FEntryID=90)
    world.update(transaction, ENTRY, second, FEntryID=first[1])
    world.update(transaction, ENTRY, parked, FEntryID=second[1])
    return transaction


def customers_swapped(world: World) -> Transaction:
    """Two customers exchange their codes."""
    pool = world.pools["customer"]
    one, other = pool.take(world.rng), pool.take(world.rng)
    codes = world.row(CUSTOMER, *one)["FNumber"], world.row(CUSTOMER, *other)["FNumber"]
    transaction = Transaction("erp", "customers swapped")
    world.update(transaction, CUSTOMER, one, FNumber=codes[1])
    world.update(transaction, CUSTOMER, other, FNumber=codes[0])
    pool.add(one)
    pool.add(other)
    return transaction


def serial_renamed(world: World) -> Transaction | None:
    """A unit gets another serial number; its inspections keep the old one."""
    pool = world.pools["sn.passed"]
    if len(pool) < 10:
        return None
    key = pool.take(world.rng)
    transaction = Transaction("mes", "serial renamed")
    new_key = world.update(transaction, SERIAL, key, sn=f"{key[0].partition('R')[0]}R{world.number('serial rename')}")
    world.settle("sn.passed", new_key)
    return transaction


def serials_swapped(world: World) -> Transaction | None:
    """Two units of which each carried the other's label exchange their serial numbers under a unique index."""
    pool = world.pools["sn.passed"]
    if len(pool) < 10:
        return None
    one, other = pool.take(world.rng), pool.take(world.rng)
    transaction = Transaction("mes", "serials swapped")
    parked = world.update(transaction, SERIAL, one, sn=f"SWAP{world.number('swap'):05d}")
    world.update(transaction, SERIAL, other, sn=one[0])
    world.update(transaction, SERIAL, parked, sn=other[0])
    world.settle("sn.passed", one)
    world.settle("sn.passed", other)
    return transaction


def customer_deleted(world: World) -> Transaction | None:
    """A customer with shipments is deleted by mistake, and entered again later."""
    shipped = [key for key, row in world.rows[ORDER_LINE].items() if row["FShipDate"] != ZERO_DATETIME]
    if not shipped:
        return None
    order = world.rng.choice(shipped)[0]
    key = (world.row("erp.SEOrder", order)["FCustID"],)
    if key not in world.pools["customer"] or key in _customers_of_bad_lines(world):
        return None
    world.pools["customer"].discard(key)
    transaction = Transaction("erp", "customer deleted")
    row = world.delete(transaction, CUSTOMER, key)

    def enter_again(world: World) -> Transaction:
        again = Transaction("erp", "customer entered again")
        world.insert(again, CUSTOMER, **(row | {"FContact": person(world)}))
        world.probe(again, "party", row["FNumber"])
        world.settle("customer", key)
        return again

    world.later(world.rng.randint(40, 150), enter_again)
    return transaction


def _customers_of_bad_lines(world: World) -> set[Key]:
    """Customers who have to stay: without them a line that is wrong already would be held for another reason."""
    orders = [key[0] for mirror, key in world.bad if mirror == ORDER_LINE]
    return {(world.row("erp.SEOrder", order)["FCustID"],) for order in orders}


def _delete_bill(world: World, action: str) -> tuple[Transaction, Row, list[Row]]:
    (bill,) = world.pools["bill"].take(world.rng)
    transaction = Transaction("erp", action)
    lines = [world.delete(transaction, ENTRY, key) for key in entries(world, bill)]
    return transaction, world.delete(transaction, BILL, (bill,)), lines


def bill_deleted(world: World) -> Transaction:
    """A bill is deleted with its entries."""
    transaction, _, _ = _delete_bill(world, "bill deleted")
    return transaction


def bill_entered_again(world: World) -> Transaction:
    """A bill is deleted with its entries, and the same comes back, its entries in front of it."""
    transaction, head, lines = _delete_bill(world, "bill taken out")

    def enter_again(world: World) -> Transaction:
        again = Transaction("erp", "bill entered again")
        for line in lines:
            world.insert(again, ENTRY, **(line | {"FNote": "重新录入"}))
        world.insert(again, BILL, **head)
        return again

    world.later(world.rng.randint(20, 120), enter_again)
    return transaction


def serial_before_lot(world: World) -> Transaction | None:
    """Units are booked before the lot that they belong to."""
    order = _running_order(world)
    if order is None:
        return None
    item = world.codes[clean(order["item_no"])]
    number = lot_number(world)
    lot: Row = {
        "item_no": order["item_no"],
        "lot_no": number,
        "wo_no": order["wo_no"],
        "mfg_date": None,
        "exp_date": None,
    }
    transaction = Transaction("mes", "serial before its lot")
    keys = [new_serial(world, transaction, lot, serial_number(world)) for _ in range(2)]
    count_done(world, transaction, order["wo_no"], len(keys))

    def lot_comes(world: World) -> Transaction:
        late = Transaction("mes", "lot after its serials")
        key = new_lot(world, late, item, number, order["wo_no"])
        if world.visible(lot_stands_on(world.row(LOT, *key))):
            world.probe(late, "serial_unit", keys[0][0])
        for serial in keys:
            world.settle("sn.made", serial, 20)
        return late

    world.later(world.rng.randint(20, 120), lot_comes)
    return transaction


def _running_order(world: World) -> Row | None:
    """Return a work order that makes units with serials."""
    for key in world.pools["wo.running"].latest(50):
        row = world.row(WORK_ORDER, *key)
        if lot_pool(world, world.codes[clean(row["item_no"])]) == "lot.open":
            return row
    return None


def lot_before_order(world: World) -> Transaction:
    """A lot is opened before its work order is there."""
    item = world.pools[item_pool("product")].pick(world.rng)
    number = f"WORK{FIRST_BILL + world.number('task'):06d}"
    transaction = Transaction("mes", "lot before its work order")
    key = new_lot(world, transaction, item, lot_number(world), number)

    def order_comes(world: World) -> Transaction:
        late = Transaction("mes", "work order after its lot")
        new_work_order(world, late, item, number, Decimal(50))
        world.probe(late, "job_order", number)
        world.settle("lot.open", key, 20)
        return late

    world.later(world.rng.randint(20, 120), order_comes)
    return transaction


def shipment_before_serial(world: World) -> Transaction | None:
    """The ERP ships a unit that the MES has not booked yet."""
    if not len(world.pools["lot.open"]):
        return None
    lot = world.row(LOT, *world.pools["lot.open"].pick(world.rng))
    serial = serial_number(world)
    transaction = Transaction("erp", "shipment before its serial")
    customer = world.pools["customer"].pick(world.rng)
    order = sales_order(world, transaction, customer, [(world.codes[clean(lot["item_no"])], Decimal(1))])
    ship(world, transaction, (order, 1), serial, lot["lot_no"])

    def serial_comes(world: World) -> Transaction:
        late = Transaction("mes", "serial after its shipment")
        new_serial(world, late, lot, serial)
        count_done(world, late, lot["wo_no"], 1)
        return late

    world.later(world.rng.randint(20, 120), serial_comes)
    return transaction


def nothing_changed_in_erp(world: World) -> Transaction:
    """A form is saved without a change: MariaDB writes nothing into its log."""
    key = world.pools[item_pool("component")].pick(world.rng)
    transaction = Transaction("erp", "nothing changed in ERP")
    world.update(transaction, ITEM, key, **_same(world.row(ITEM, *key), ("FName", "FModel")))
    return transaction


def nothing_changed_in_mes(world: World) -> Transaction:
    """A form is saved without a change: PostgreSQL logs an update all the same."""
    key = world.pools["wo.running"].pick(world.rng)
    transaction = Transaction("mes", "nothing changed in MES")
    world.update(transaction, WORK_ORDER, key, **_same(world.row(WORK_ORDER, *key), ("state", "done_qty")))
    return transaction


def _same(row: Row, columns: Iterable[str]) -> Row:
    return {column: row[column] for column in columns}


def rolled_back_in_erp(world: World) -> Transaction:
    """Somebody thinks better of it: ROLLBACK."""
    transaction = Transaction("erp", "rolled back in ERP", rolls_back=True)
    world.insert(transaction, SUPPLIER, FItemID=5000 + world.number("supplier"), FNumber="G-VOID", FName="作废")
    world.update(transaction, CUSTOMER, world.pools["customer"].pick(world.rng), FName="作废", FCountry="火星")
    return transaction


def rolled_back_in_mes(world: World) -> Transaction:
    """A station loses its connection to the line: ROLLBACK."""
    transaction = Transaction("mes", "rolled back in MES", rolls_back=True)
    label = world.number("label")
    world.insert(transaction, LABEL, label_id=label, sn="SN-VOID", udi_raw="-", printed_at=world.instant)
    world.update(transaction, WORK_ORDER, world.pools["wo.running"].pick(world.rng), state="??")
    return transaction


def label_voided(world: World) -> Transaction | None:
    """A label was printed badly and is printed again."""
    last = (world.numbers["label"],)
    if last not in world.rows[LABEL] or (LABEL, last) in world.bad:
        return None
    transaction = Transaction("mes", "label voided")
    row = world.row(LABEL, *last)
    world.update(transaction, LABEL, last, void=True)
    number = world.number("label")
    world.insert(transaction, LABEL, **(row | {"label_id": number, "printed_at": world.instant, "copies": 2}))
    return transaction
