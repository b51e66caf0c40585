"""Rows of the ERP as its users enter them. Everything here is sound; `faults` makes some of it wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from compose.simulator import names
from compose.simulator.transaction import Transaction
from compose.simulator.value import ZERO_DATE, ZERO_DATETIME, Key, Row, Value, clean
from compose.simulator.world import World

UNIT: Final = "erp.t_MeasureUnit"
ITEM: Final = "erp.t_ICItem"
PACKAGING: Final = "erp.t_ICItemUnit"
SUPPLIER: Final = "erp.t_Supplier"
CUSTOMER: Final = "erp.t_Organization"
STOCK: Final = "erp.t_Stock"
TASK: Final = "erp.ICMO"
BILL: Final = "erp.ICStockBill"
ENTRY: Final = "erp.ICStockBillEntry"
ON_HAND: Final = "erp.ICInventory"
ORDER: Final = "erp.SEOrder"
ORDER_LINE: Final = "erp.SEOrderEntry"

PURCHASE_RECEIPT, PRODUCTION_RECEIPT, OTHER_RECEIPT = 1, 2, 10
SALES_ISSUE, MATERIAL_ISSUE, OTHER_ISSUE, TRANSFER = 21, 24, 29, 41
_BILL_PREFIX: Final = {1: "WIN", 2: "CIN", 10: "QIN", 21: "XOUT", 24: "SOUT", 29: "QOUT", 41: "CHG"}

# Numbers below belong to the bulk of an old year (see `seed`).
FIRST_BILL: Final = 1000
FIRST_ITEM: Final = 1001

_KINDS: Final = {"raw": "01", "component": "02", "product": "03", "consumable": "04"}


def person(world: World) -> str:
    """Return somebody's name."""
    return world.rng.choice(names.SURNAMES) + world.rng.choice(names.GIVEN)


def gtin(world: World) -> str:
    """Return a new GTIN-13 with its check digit."""
    payload = f"6901234{world.number('gtin'):05d}"
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(payload))
    return payload + str(-total % 10)


def new_item(world: World, transaction: Transaction, kind: str) -> Key:
    """Insert a material of kind raw, component, product or consumable."""
    number = world.number(f"item.{kind}")
    code = f"{_KINDS[kind]}.{number % 20 + 1:02d}.{number:04d}"
    name, unit = _named(world, kind)
    sold = kind in {"product", "consumable"}
    perishable = kind == "consumable" or world.chance(0.2)
    key = world.codes[code] = world.insert(
        transaction,
        ITEM,
        FItemID=FIRST_ITEM - 1 + world.number("item"),
        FNumber=f" {code}" if world.chance(0.08) else code,
        FName=f"{name}{number}型" + ("\u3000" if world.chance(0.1) else ""),
        FModel=f"{world.rng.choice('ABCDEFGH')}-{number}" if world.chance(0.7) else world.rng.choice(names.NOTHING),
        FHelpCode=f"{kind[0].upper()}{number}",
        FUnitID=unit,
        FISKFPeriod=int(perishable),
        FKFPeriod=world.rng.choice((365, 730, 1095)) if perishable else world.rng.choice((0, None)),
        FBatchManager=1,
        FIsSnManage=int(kind == "product"),
        FInspection=int(world.chance(0.5)),
        FPlanPrice=world.amount(1, 9000, 4),
        F_101=f"图号{world.rng.randint(1000, 9999)}" if world.chance(0.3) else None,
        F_UDIDI=_udi(world) if sold else world.rng.choice(names.NOTHING),
        F_REGNO=f"国械注准2026308{number:04d}" if sold else world.rng.choice(names.NOTHING),
    )
    return key


def new_packaging(world: World, transaction: Transaction, item: Key, unit: int, content: int, since: datetime) -> Key:
    """Insert how many pieces of a material a package holds from now on."""
    return world.insert(
        transaction,
        PACKAGING,
        FID=world.number("packaging"),
        FItemID=item[0],
        FUnitID=unit,
        FCoefficient=Decimal(content),
        FEffectDate=since,
    )


def _named(world: World, kind: str) -> tuple[str, int]:
    if kind == "raw":
        return world.rng.choice(names.RAW)
    words = {"component": names.COMPONENTS, "product": names.PRODUCTS, "consumable": names.CONSUMABLES}[kind]
    return world.rng.choice(words), names.PIECE


def _udi(world: World) -> str:
    code = gtin(world)
    return f"0{code}" if world.chance(0.3) else code


def new_supplier(world: World, transaction: Transaction) -> Key:
    """Insert a supplier."""
    number = world.number("supplier")
    place = world.rng.choice(names.PLACES)
    return world.insert(
        transaction,
        SUPPLIER,
        FItemID=5000 + number,
        FNumber=f"G{number:05d}",
        FName=f"{place}{world.rng.choice(names.MAKERS)}",
        FShortName=f"{place}{number}",
        FContact=person(world),
        FPhone=_phone(world),
        FLicence=f"{place[0]}食药监械经营许20{number:06d}号" if world.chance(0.6) else None,
        FLicenceTo=date(2027 + number % 4, 1 + number % 12, 28) if world.chance(0.5) else ZERO_DATE,
    )


def new_customer(world: World, transaction: Transaction) -> Key:
    """Insert a customer."""
    number = world.number("customer")
    place = world.rng.choice(names.PLACES)
    return world.insert(
        transaction,
        CUSTOMER,
        FItemID=8000 + number,
        FNumber=f"K{number:05d}",
        FName=f"{place}{world.rng.choice(names.HOSPITALS)}",
        FShortName=f"{place}{number}" if world.chance(0.8) else world.rng.choice(names.NOTHING),
        FCountry=world.rng.choice(names.COUNTRIES),
        FAddress=f"{place}市人民路{world.rng.randint(1, 999)}号" if world.chance(0.7) else None,
        FContact=person(world),
        FPhone=_phone(world),
        FCreditAmt=world.amount(10_000, 900_000, 2) if world.chance(0.5) else None,
    )


def _phone(world: World) -> str:
    return f"0{world.rng.randint(10, 899)}-{world.rng.randint(2000000, 89999999)}"


def lot_number(world: World) -> str:
    """Return the number of a new lot."""
    return f"{world.now:%y}{'ABCDEFGHJKLM'[world.now.month - 1]}{world.number('lot'):05d}"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a stock bill: what, how much in the unit that is entered, which lot, from and to where."""

    item: Key
    amount: Decimal
    lot: str | None
    unit: int | None = None
    made: datetime | None = None
    to_stock: int | None = None
    from_stock: int | None = None
    source_bill: str | None = None


def stock_bill(
    world: World, transaction: Transaction, kind: int, lines: list[Line], *, approved: bool = True, **head: Value
) -> int:
    """Insert a bill with its entries; what is approved moves the stock on hand. Return its number."""
    number = FIRST_BILL + world.number("bill")
    world.insert(
        transaction,
        BILL,
        **{
            "FInterID": number,
            "FTranType": kind,
            "FBillNo": f"{_BILL_PREFIX[kind]}{number:06d}",
            "FDate": world.midnight,
            "FCheckerID": 16394 if approved else None,
            "FCheckDate": world.midnight if approved else ZERO_DATETIME,
            "FBillerID": 16400 + number % 5,
            "FDeptID": 300 + number % 7,
            **head,
        },
    )
    for place, line in enumerate(lines, 1):
        _entry(world, transaction, number, place, line)
    if approved:
        move_stock(world, transaction, number)
    return number


def _entry(world: World, transaction: Transaction, bill: int, place: int, line: Line) -> None:
    item = world.row(ITEM, *line.item)
    unit = line.unit or item["FUnitID"]
    period = (item["FKFPeriod"] or 0) if item["FISKFPeriod"] else 0
    price = world.amount(1, 500, 2)
    world.insert(
        transaction,
        ENTRY,
        FInterID=bill,
        FEntryID=place,
        FItemID=item["FItemID"],
        FQty=base_quantity(line.amount, unit),
        FAuxQty=line.amount,
        FUnitID=unit,
        FPrice=price,
        FAmount=price * line.amount,
        FBatchNo=line.lot if line.lot is None or world.chance(0.95) else f" {line.lot} ",
        FKFDate=line.made or ZERO_DATETIME,
        FKFPeriod=period or None,
        FPeriodDate=line.made + timedelta(days=period) if line.made and period else ZERO_DATETIME,
        FDCStockID=line.to_stock,
        FSCStockID=line.from_stock,
        FSourceBillNo=line.source_bill or world.rng.choice(names.NOTHING),
    )


def base_quantity(amount: Decimal, unit: int) -> Decimal:
    """Convert by the unit's coefficient, as the ERP does."""
    return amount * next(Decimal(row[4]) for row in names.UNITS if row[0] == unit)


def entries(world: World, bill: int) -> list[Key]:
    """Return the keys of a bill's entries."""
    rows = world.rows[ENTRY]
    return [key for key in ((bill, place) for place in range(1, 9)) if key in rows]


def move_stock(world: World, transaction: Transaction, bill: int) -> None:
    """Book the entries of a bill into the stock on hand."""
    sign = world.row(BILL, bill)["FROB"]
    for key in entries(world, bill):
        entry = world.row(ENTRY, *key)
        quantity = entry["FQty"] * sign
        if entry["FDCStockID"] is not None:
            _book(world, transaction, entry, entry["FDCStockID"], quantity)
        if entry["FSCStockID"] is not None:
            _book(world, transaction, entry, entry["FSCStockID"], -quantity)


def _book(world: World, transaction: Transaction, entry: Row, stock: Value, quantity: Decimal) -> None:
    """The table has no key: the row is found by what it is about, made when it is missing, removed at zero."""
    key = (entry["FItemID"], stock, clean(entry["FBatchNo"] or ""))
    row = world.rows[ON_HAND].get(key)
    if row is None:
        made = f"{entry['FKFDate']:%Y-%m-%d}" if isinstance(entry["FKFDate"], datetime) else None
        values = dict(zip(("FItemID", "FStockID", "FBatchNo"), key, strict=True))
        world.insert(transaction, ON_HAND, **values, FQty=quantity, FBal=round(quantity * 3, 2), FKFDate=made)
        world.settle("on hand", key, 20)
        return
    left = row["FQty"] + quantity
    if left == 0:
        world.pools["on hand"].discard(key)
        world.delete(transaction, ON_HAND, key)
    else:
        world.update(transaction, ON_HAND, key, FQty=left, FBal=round(left * 3, 2))


def movement_id(bill: Value, entry: Value) -> str:
    """Return the canonical key of a stock bill's or sales order's entry."""
    return f"K3-{bill}-{entry}"


def sales_order(world: World, transaction: Transaction, customer: Key, lines: list[tuple[Key, Decimal]]) -> int:
    """Insert an order with its lines, none of them shipped. Return its number."""
    number = FIRST_BILL + world.number("order")
    world.insert(
        transaction,
        ORDER,
        FInterID=number,
        FBillNo=f"SEORD{number:06d}",
        FDate=world.midnight,
        FCustID=customer[0],
        FStatus=1,
        FCheckerID=16394,
        FBillerID=16410,
        FExplanation=world.rng.choice((None, "加急", "随货附合格证", "")),
    )
    for place, (item, quantity) in enumerate(lines, 1):
        world.insert(
            transaction,
            ORDER_LINE,
            FInterID=number,
            FEntryID=place,
            FItemID=item[0],
            FQty=quantity,
            FUnitID=_sold_in(world, item),
            FPrice=world.amount(100, 9000, 2),
            FDate=world.midnight + timedelta(days=world.rng.randint(3, 30)),
        )
    return number


def _sold_in(world: World, item: Key) -> int:
    if item in world.pools["packed"] and world.chance(0.4):
        return names.BOX
    return world.rng.choice((names.PIECE, 11))
