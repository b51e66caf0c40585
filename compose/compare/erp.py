"""What the ERP feeds, written down by hand."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from compose.compare.log import Row
from compose.compare.table import ORDER, Feed, Fold, Lookups, Outputs, Reference, Table, Values
from compose.compare.value import (
    Held,
    Text,
    as_is,
    check_dates,
    clean,
    code,
    converted,
    day,
    decimal,
    flag,
    gtin,
    instant,
    limited,
    lot,
    number,
    required,
    unit,
)

_ZONE = "Asia/Shanghai"
_STATUS = {"0": "ACTIVE", "1": "INACTIVE"}
_COUNTRIES = {
    **dict.fromkeys(("中国", "CN", "CHN"), "CN"),
    **dict.fromkeys(("德国", "DE"), "DE"),
    **dict.fromkeys(("美国", "US", "USA"), "US"),
    **dict.fromkeys(("日本", "JP"), "JP"),
}
_MOVEMENTS = {
    "1": "PURCHASE_RECEIPT",
    "2": "PRODUCTION_RECEIPT",
    "10": "OTHER_RECEIPT",
    "21": "SALES_ISSUE",
    "24": "MATERIAL_ISSUE",
    "29": "OTHER_ISSUE",
    "41": "TRANSFER",
}


def _material(row: Row, look: Lookups) -> Outputs:
    uom = look.need("erp.t_MeasureUnit", "UOM-202", FItemID=row["FUnitID"])
    shelf_life = row["FKFPeriod"] if row["FISKFPeriod"] == "1" and int(row["FKFPeriod"] or 0) > 0 else None
    values: Values = {
        "material_id": required(limited(clean(row["FNumber"]), 40)),
        "name": required(limited(clean(row["FName"]), 255)),
        "specification": limited(clean(row["FModel"]), 255),
        "base_uom": required(unit(uom["FName"])),
        "lot_controlled": flag(row["FBatchManager"]),
        "serial_controlled": flag(row["FIsSnManage"]),
        "shelf_life_days": shelf_life,
        "udi_di": gtin(row["F_UDIDI"]),
        "registration_no": limited(clean(row["F_REGNO"]), 60),
        "status": code(row["FDeleted"], _STATUS),
        ORDER: "0",  # before the MES
    }
    return {"material": [values]}


def _packaging(row: Row, look: Lookups) -> Outputs:
    item, uom, base = _units(row, look)
    values: Values = {
        "material_id": required(limited(clean(item["FNumber"]), 40)),
        "from_uom": required(unit(uom["FName"])),
        "valid_from": required(day(row["FEffectDate"])),
        "to_uom": required(unit(base["FName"])),
        "factor": required(decimal(row["FCoefficient"])),
        "valid_to": day(row["FExpireDate"]),
    }
    if Fraction(str(values["factor"])) <= 0:
        raise Held("NUM-101")
    check_dates(values["valid_from"], values["valid_to"])
    return {"material_unit_conversion": [values]}


def _party(row: Row, _look: Lookups) -> Outputs:
    values: Values = {
        "party_id": required(limited(clean(row["FNumber"]), 40)),
        "name": required(limited(clean(row["FName"]), 255)),
        "short_name": limited(as_is(row["FShortName"]), 80),
        "is_customer": "t",
        "country": code(row["FCountry"], _COUNTRIES),
        "address": limited(as_is(row["FAddress"]), 255),
        "contact": limited(as_is(row["FContact"]), 50),
        "phone": limited(as_is(row["FPhone"]), 40),
        "status": code(row["FDeleted"], _STATUS),
    }
    return {"party": [values]}


def _supplier(row: Row, _look: Lookups) -> Outputs:
    values: Values = {
        "party_id": required(limited(_of_supplier(row), 40)),
        "name": required(limited(clean(row["FName"]), 255)),
        "short_name": limited(as_is(row["FShortName"]), 80),
        "is_supplier": "t",
        "contact": limited(as_is(row["FContact"]), 50),
        "phone": limited(as_is(row["FPhone"]), 40),
        "licence_no": limited(clean(row["FLicence"]), 60),
        "licence_valid_to": day(row["FLicenceTo"]),
        "status": code(row["FDeleted"], _STATUS),
    }
    return {"party": [values]}


def _of_supplier(row: Row | None) -> Text:
    number = clean(row["FNumber"]) if row else None
    return number and f"S-{number}"


def _units(row: Row, look: Lookups) -> tuple[Row, Row, Row]:
    item = look.need("erp.t_ICItem", "REF-301", FItemID=row["FItemID"])
    uom = look.need("erp.t_MeasureUnit", "UOM-202", FItemID=row["FUnitID"])
    base = look.need("erp.t_MeasureUnit", "UOM-202", FItemID=item["FUnitID"])
    return item, uom, base


def _content(row: Row, look: Lookups, at: Text) -> Text:
    """Return how many base units a package of the row's material holds at a time."""
    match = {"FItemID": row["FItemID"], "FUnitID": row["FUnitID"]}
    pack = look.one_at("erp.t_ICItemUnit", at, ("FEffectDate", "FExpireDate"), **match)
    return None if pack is None else pack["FCoefficient"]


def _number_of(row: Row | None) -> Text:
    return None if row is None else limited(clean(row["FNumber"]), 30)


def _stock_movement(row: Row, look: Lookups) -> Outputs | None:
    head = look.need("erp.ICStockBill", "REF-301", FInterID=row["FInterID"])
    if head["FCancellation"] != "0" or int(head["FCheckerID"] or 0) <= 0:
        return None
    item, uom, base = _units(row, look)
    to_stock = look.one("erp.t_Stock", None, FItemID=row["FDCStockID"])
    from_stock = look.one("erp.t_Stock", None, FItemID=row["FSCStockID"])
    supplier = look.one("erp.t_Supplier", None, FItemID=head["FSupplyID"])
    sign = -1 if head["FROB"] == "-1" else 1
    content = _content(row, look, head["FDate"])
    quantity = converted(row["FAuxQty"], uom["FName"], base["FName"], content)
    values: Values = {
        "movement_id": f"K3-{row['FInterID']}-{row['FEntryID']}",
        "movement_type": required(code(head["FTranType"], _MOVEMENTS)),
        "bill_no": required(limited(clean(head["FBillNo"]), 60)),
        "moved_at": required(instant(head["FDate"], _ZONE)),
        "material_id": required(limited(clean(item["FNumber"]), 40)),
        "lot_number": lot(row["FBatchNo"]),
        "quantity": required(number(None if quantity is None else quantity * sign)),
        "quantity_uom": required(unit(base["FName"])),
        "from_location": _number_of(from_stock),
        "to_location": _number_of(to_stock),
        "manufacture_date": day(row["FKFDate"]),
        "expiry_date": day(row["FPeriodDate"]),
        "source_bill": limited(clean(row["FSourceBillNo"]), 60),
        "party_id": limited(_of_supplier(supplier), 40),
    }
    check_dates(values["manufacture_date"], values["expiry_date"])
    return {"stock_movement": [values], "material_lot": _received(row, head, values)}


def _received(row: Row, head: Row, movement: Values) -> list[Values]:
    """Return what a receipt says of its lot, if it is one."""
    if movement["lot_number"] is None or head["FTranType"] not in {"1", "2", "10"} or head["FROB"] != "1":
        return []
    made, expires = movement["manufacture_date"], movement["expiry_date"]
    days = int(row["FKFPeriod"] or 0)
    if expires is None and made is not None and days > 0:
        expires = (date.fromisoformat(made) + timedelta(days=days)).isoformat()
    said: Values = {"manufacture_date": made, "expiry_date": expires, ORDER: row["FInterID"]}
    return [{"material_id": movement["material_id"], "lot_number": movement["lot_number"], **said}]


def _shipment(row: Row, look: Lookups) -> Outputs | None:
    head = look.need("erp.SEOrder", "REF-301", FInterID=row["FInterID"])
    if head["FCancellation"] != "0" or row["FShipDate"] is None:
        return None
    customer = look.need("erp.t_Organization", "REF-301", FItemID=head["FCustID"])
    item, uom, base = _units(row, look)
    content = _content(row, look, row["FShipDate"])
    values: Values = {
        "shipment_id": f"K3-{row['FInterID']}-{row['FEntryID']}",
        "order_no": required(limited(clean(head["FBillNo"]), 60)),
        "party_id": required(limited(clean(customer["FNumber"]), 40)),
        "material_id": required(limited(clean(item["FNumber"]), 40)),
        "lot_number": lot(row["FBatchNo"]),
        "serial_number": lot(row["FSerialNo"]),
        "quantity": required(number(converted(row["FQty"], uom["FName"], base["FName"], content))),
        "quantity_uom": required(unit(base["FName"])),
        "shipped_at": required(instant(row["FShipDate"], _ZONE)),
    }
    return {"shipment": [values]}


_BILL_LINE = ("FInterID", "FEntryID")
_TO_MATERIAL = Reference(("material_id",), "material")

_MATERIAL = {
    **dict.fromkeys(("name", "base_uom", "lot_controlled", "registration_no", "status"), "owner erp"),
    **dict.fromkeys(("specification", "serial_controlled", "shelf_life_days", "udi_di"), "first"),
}
_PARTY = (
    *("name", "short_name", "is_customer", "is_supplier", "country", "address", "contact", "phone"),
    *("licence_no", "licence_valid_to", "status"),
)

TABLES = (
    Table(
        "material",
        ("material_id",),
        fold=Fold(_MATERIAL, ("name",), frozenset({"lot_controlled", "serial_controlled"})),
    ),
    Table("material_unit_conversion", ("material_id", "from_uom", "valid_from"), (_TO_MATERIAL,)),
    Table("party", ("party_id",), fold=Fold(dict.fromkeys(_PARTY, "owner erp"), required=("name",))),
    Table("stock_movement", ("movement_id",), (_TO_MATERIAL, Reference(("party_id",), "party"))),
    Table(
        "shipment",
        ("shipment_id",),
        (Reference(("party_id",), "party"), _TO_MATERIAL, Reference(("serial_number",), "serial_unit")),
    ),
)
FEEDS = (
    Feed("erp.t_ICItem", ("FItemID",), _material),
    Feed("erp.t_ICItemUnit", ("FID",), _packaging),
    Feed("erp.t_Organization", ("FItemID",), _party, tombstones=False),
    Feed("erp.t_Supplier", ("FItemID",), _supplier, tombstones=False),
    Feed("erp.ICStockBillEntry", _BILL_LINE, _stock_movement),
    Feed("erp.SEOrderEntry", _BILL_LINE, _shipment),
)
