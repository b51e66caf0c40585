"""Rows of the MES as the shop floor makes them. Everything here is sound; `faults` makes some of it wrong."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from compose.simulator import names
from compose.simulator.erp import ITEM, person
from compose.simulator.transaction import Transaction
from compose.simulator.value import Key, Row, Value, clean
from compose.simulator.world import Canonical, World

MES_ITEM: Final = "mes.mes_item"
COMPLAINT: Final = "mes.mes_complaint"
WORK_ORDER: Final = "mes.mes_wo"
LOT: Final = "mes.mes_lot"
SERIAL: Final = "mes.mes_sn"
INSPECTION: Final = "mes.mes_insp_h"
RESULTS: Final = "mes.mes_insp_d"
GENEALOGY: Final = "mes.mes_genealogy"
LABEL: Final = "mes.mes_label"

_LENGTHS: Final = (
    ("毫米", 1, 4),
    ("mm", 1, 3),
    ("㎜", 1, 4),
    ("cm", 10, 5),
    ("米", 1000, 6),
    ("in", 25, 6),
    (None, 0, 0),
)


def item_code(world: World, item: Key) -> str:
    """Return the code by which the MES knows a material of the ERP."""
    return clean(world.row(ITEM, *item)["FNumber"])


def new_item(world: World, transaction: Transaction, item: Key) -> Key:
    """Insert a material of the ERP into the factory's own list, as somebody typed it in: not always the same."""
    row = world.row(ITEM, *item)
    days = row["FKFPeriod"] if row["FISKFPeriod"] else None
    number = world.number("mes item")
    return world.insert(
        transaction,
        MES_ITEM,
        item_id=number,
        item_no=item_code(world, item),
        item_name=clean(row["FName"]) if world.chance(0.9) else f"{clean(row['FName'])}(试制)",
        spec=row["FModel"] if world.chance(0.8) else f"规格{number}",
        serial_yn=world.rng.choice(names.YES if row["FIsSnManage"] else names.NO),
        shelf_days=days if world.chance(0.9) else 180,
        udi_di=row["F_UDIDI"] if world.chance(0.9) else world.rng.choice(names.NOTHING),
        updated_at=world.instant,
    )


def new_complaint(world: World, transaction: Transaction, serial: Row, **values: Value) -> Key:
    """Insert a complaint about a unit, as it comes in."""
    number = world.number("complaint")
    happened = world.now.date() - timedelta(days=world.rng.randint(0, 9))
    place = world.rng.choice(names.PLACES)
    return world.insert(
        transaction,
        COMPLAINT,
        **{
            "complaint_id": number,
            "complaint_no": f"KS{world.now:%y%m%d}-{number:04d}",
            "report_type": "INI",
            "received_at": world.instant,
            "aware_date": world.now.date(),
            "event_date": happened,
            "sn": serial["sn"],
            "item_no": serial["item_no"],
            "lot_no": serial["lot_no"],
            "complainant": f"{place}{world.rng.choice(names.HOSPITALS)}",
            "address": f"{place}市解放路{number}号" if world.chance(0.6) else None,
            "phone": f"010-{world.rng.randint(10000000, 99999999)}",
            "patient_ref": f"P-{number}" if world.chance(0.7) else None,
            "nature": f"{world.rng.choice(names.COMPLAINTS)}，{world.rng.choice(names.COMPLAINTS)}",
            "device_problem": world.rng.choice(names.PROBLEMS),
            "health_impact": world.rng.choice(names.IMPACTS),
            "reportable": world.rng.choice(names.YES if world.chance(0.3) else names.NO),
            **values,
        },
    )


def new_work_order(world: World, transaction: Transaction, item: Key, number: str, quantity: Decimal) -> Key:
    """Insert a planned work order."""
    key = world.work_orders[number] = world.insert(
        transaction,
        WORK_ORDER,
        wo_id=world.number("wo"),
        wo_no=number,
        item_no=item_code(world, item),
        plan_qty=quantity,
        state=world.rng.choice(("NEW", "new ")),
        line_code=world.rng.choice(names.LINES),
        priority=world.rng.randint(1, 9),
        planned_date=(world.now + timedelta(days=world.rng.randint(1, 20))).date(),
        remark=world.rng.choice((None, "", "首件需全检", "客户要求随附测试报告")),
    )
    return key


def new_lot(world: World, transaction: Transaction, item: Key, number: str, work_order: Value = None) -> Key:
    """Insert a lot in quarantine."""
    row = world.row(ITEM, *item)
    days = (row["FKFPeriod"] or 0) if row["FISKFPeriod"] else 0
    made = world.now.date()
    return world.insert(
        transaction,
        LOT,
        lot_id=world.number("lot_id"),
        item_no=item_code(world, item),
        lot_no=number,
        wo_no=work_order,
        mfg_date=made,
        exp_date=made + timedelta(days=days) if days else None,
        qty=world.amount(10, 500),
        status="Q",
    )


def new_serial(world: World, transaction: Transaction, lot: Row, serial: str) -> Key:
    """Insert a serial of a lot with its label and the components that went into it."""
    key = world.insert(
        transaction,
        SERIAL,
        sn=serial,
        item_no=lot["item_no"],
        lot_no=lot["lot_no"],
        wo_no=lot["wo_no"],
        status="WIP",
        station=world.rng.choice(names.STATIONS),
        produced_at=world.instant + timedelta(microseconds=world.rng.randrange(1_000_000)),
    )
    _consume(world, transaction, serial)
    new_label(world, transaction, lot, serial)
    return key


def new_label(world: World, transaction: Transaction, lot: Row, serial: str, **values: Value) -> Key:
    """Insert the label of a unit, as the scanner at the end of the line has read it."""
    return world.insert(
        transaction,
        LABEL,
        **{
            "label_id": world.number("label"),
            "sn": serial,
            "udi_raw": udi_scan(world, lot, serial),
            "printed_at": world.instant,
            **values,
        },
    )


def _consume(world: World, transaction: Transaction, serial: str) -> None:
    lots = world.pools["lot.component"]
    for _ in range(world.rng.randint(0, 2) if len(lots) else 0):
        consume(world, transaction, serial, world.row(LOT, *lots.pick(world.rng)))


def consume(world: World, transaction: Transaction, serial: str, component: Row) -> Key:
    """Book a lot of a component into a unit."""
    return world.insert(
        transaction,
        GENEALOGY,
        gen_id=world.number("genealogy"),
        parent_sn=serial,
        child_item=component["item_no"],
        child_lot=component["lot_no"],
        qty=world.amount(1, 4),
        consumed_at=world.now,
    )


# FNC1 as scanners of the line send it, and as older ones of theirs were set up to.
_SEPARATORS: Final = ("\x1d", "\x1d", "\x1d", "<GS>", "~")


def udi_scan(world: World, lot: Row, serial: str) -> str:
    """Return what the scanner reads off the label: symbology, then the elements, a separator after the lot."""
    gtin = str(world.row(ITEM, *world.codes[clean(lot["item_no"])])["F_UDIDI"]).rjust(14, "0")
    made, expires = lot.get("mfg_date"), lot.get("exp_date")
    dates = (f"11{made:%y%m%d}" if isinstance(made, date) else "") + (
        f"17{expires:%y%m%d}" if isinstance(expires, date) else ""
    )
    return f"]d201{gtin}{dates}10{lot['lot_no']}{world.rng.choice(_SEPARATORS)}21{serial}"


def serial_number(world: World) -> str:
    """Return a new serial number."""
    return f"SN{world.now:%y%m}{world.number('serial'):07d}"


def new_inspection(world: World, transaction: Transaction, kind: str, subject: Row, **values: Value) -> Key:
    """Insert an inspection of a serial or a lot with its detail lines. Without further values it was passed."""
    number = world.number("inspection")
    unit, scale, digits = world.rng.choice(_LENGTHS)
    measured = Decimal(world.rng.randint(90_000, 110_000)).scaleb(-4) / scale if scale else None
    key = world.insert(
        transaction,
        INSPECTION,
        **{
            "insp_id": number,
            "insp_no": f"{kind}{world.now:%y%m%d}-{number:06d}",
            "insp_type": kind,
            "sn": subject.get("sn"),
            "item_no": subject["item_no"],
            "lot_no": subject["lot_no"],
            "result": "OK",
            "measured": None if measured is None else round(measured, digits),
            "measured_uom": unit,
            "sample_size": world.rng.choice((1, 8, 13, 32)),
            "defect_count": 0,
            "inspector": person(world),
            "evaluated_at": world.instant,
            "note": protocol(world) if world.chance(0.04) else world.rng.choice((None, "合格", "")),
            **values,
        },
    )
    for line in range(1, world.rng.randint(2, 4)):
        world.insert(transaction, RESULTS, insp_id=number, line_no=line, **_measurements(world))
    return key


def _measurements(world: World) -> dict[str, Value]:
    values: dict[str, Value] = {"item": world.rng.choice(("外径", "耐压", "漏电流", "绝缘电阻", "外观"))}
    for place in range(1, world.rng.randint(3, 11)):
        values[f"test{place}"] = world.rng.choice(("2.01", "<0.05", "≥5", "1.02±0.03", "OK", "/", "1,200.50 "))
        values[f"res{place}"] = "OK"
    return values


def protocol(world: World) -> str:
    """Return an instrument's protocol, long enough to be stored out of line."""
    body = world.rng.randbytes(world.rng.randint(4500, 9000)).hex()
    return "仪器原始记录\n" + "\n".join(body[place : place + 96] for place in range(0, len(body), 96))


def lot_stands_on(lot: Row) -> list[Canonical]:
    """Return the canonical rows that must be there for a lot's own, itself included."""
    item, number = clean(lot["item_no"]), clean(lot["lot_no"])
    needs: list[Canonical] = [("material", (item,)), ("material_lot", (item, number))]
    if lot["wo_no"] is not None:
        needs.append(("job_order", (lot["wo_no"],)))
    return needs


def serial_stands_on(serial: Row) -> list[Canonical]:
    """Return the canonical rows that must be there for a serial's own, itself included."""
    return [*lot_stands_on(serial), ("serial_unit", (serial["sn"],))]
