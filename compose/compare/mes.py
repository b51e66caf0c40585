"""The four canonical tables that the MES feeds, written down by hand."""

from __future__ import annotations

from compose.compare.log import Row
from compose.compare.table import Lookups, Reference, Table, Values
from compose.compare.value import (
    Held,
    as_is,
    check_dates,
    clean,
    code,
    converted,
    decimal,
    limited,
    lot,
    number,
    required,
)

_ORDER_STATES = {
    "NEW": "PLANNED",
    "RUN": "RUNNING",
    "HOLD": "SUSPENDED",
    "DONE": "COMPLETED",
    "CLOSED": "CLOSED",
    "CANC": "CANCELLED",
}
_LOT_STATES = {"Q": "QUARANTINE", "OK": "RELEASED", "HOLD": "BLOCKED", "NG": "REJECTED"}
_UNIT_STATES = {"WIP": "IN_PROCESS", "OK": "ACCEPTED", "NG": "REJECTED", "SHIP": "SHIPPED", "SCRAP": "SCRAPPED"}
_INSPECTIONS = {"IQC": "INCOMING", "IPQC": "IN_PROCESS", "FQC": "FINAL", "OQC": "OUTGOING"}
_RESULTS = {"OK": "ACCEPTED", "NG": "REJECTED", "CON": "CONDITIONAL", "PEND": "PENDING"}
_DISPOSITIONS = {
    "让步接收": "CONCESSION",
    "特采": "CONCESSION",
    "返工": "REWORK",
    "返修": "REPAIR",
    "报废": "SCRAP",
    "退货": "RETURN_TO_SUPPLIER",
}


def _job_order(row: Row, _look: Lookups) -> Values:
    return {
        "job_order_id": required(limited(clean(row["wo_no"]), 40)),
        "material_id": required(limited(clean(row["item_no"]), 40)),
        "planned_quantity": decimal(row["plan_qty"]),
        "done_quantity": required(decimal(row["done_qty"])),
        "state": required(code(row["state"], _ORDER_STATES)),
        "line": limited(as_is(row["line_code"]), 12),
        "priority": row["priority"],
        "planned_date": row["planned_date"],
        "started_at": row["started_at"],
        "completed_at": row["completed_at"],
        "remark": limited(as_is(row["remark"]), 2000),
    }


def _material_lot(row: Row, _look: Lookups) -> Values:
    values: Values = {
        "material_id": required(limited(clean(row["item_no"]), 40)),
        "lot_number": required(lot(row["lot_no"])),
        "job_order_id": limited(clean(row["wo_no"]), 40),
        "manufacture_date": row["mfg_date"],
        "expiry_date": row["exp_date"],
        "quantity": decimal(row["qty"]),
        "status": required(code(row["status"], _LOT_STATES)),
        "released_by": limited(as_is(row["released_by"]), 40),
        "released_at": row["released_at"],
    }
    check_dates(values["manufacture_date"], values["expiry_date"])
    return values


def _serial_unit(row: Row, _look: Lookups) -> Values:
    return {
        "serial_number": required(lot(row["sn"])),
        "material_id": required(limited(clean(row["item_no"]), 40)),
        "lot_number": required(lot(row["lot_no"])),
        "job_order_id": limited(clean(row["wo_no"]), 40),
        "status": required(code(row["status"], _UNIT_STATES)),
        "station": limited(as_is(row["station"]), 20),
        "rework_count": required(row["rework_count"]),
        "produced_at": row["produced_at"],
    }


def _test_result(row: Row, _look: Lookups) -> Values:
    values: Values = {
        "test_result_id": f"MES-{row['insp_id']}",
        "inspection_no": required(limited(as_is(row["insp_no"]), 40)),
        "inspection_type": required(code(row["insp_type"], _INSPECTIONS)),
        "serial_number": lot(row["sn"]),
        "material_id": limited(clean(row["item_no"]), 40),
        "lot_number": lot(row["lot_no"]),
        "result": required(code(row["result"], _RESULTS)),
        "disposition": code(row["disposition"], _DISPOSITIONS),
        "authorised_by": limited(as_is(row["authorised_by"]), 40),
        "measured_length": number(converted(row["measured"], row["measured_uom"], "mm")),
        "sample_size": row["sample_size"],
        "nonconforming_count": row["defect_count"],
        "inspector": limited(as_is(row["inspector"]), 40),
        "evaluated_at": row["evaluated_at"],
    }
    if values["disposition"] == "CONCESSION" and values["authorised_by"] is None:
        raise Held("QC-101")
    return values


_TO_LOT = Reference(("material_id", "lot_number"), "material_lot")
_TO_ORDER = Reference(("job_order_id",), "job_order")
_TO_MATERIAL = Reference(("material_id",), "material")
_TO_UNIT = Reference(("serial_number",), "serial_unit")

TABLES = (
    Table("job_order", ("job_order_id",), "mes.mes_wo", ("wo_id",), _job_order, (_TO_MATERIAL,), tombstones=False),
    Table(
        "material_lot",
        ("material_id", "lot_number"),
        "mes.mes_lot",
        ("lot_id",),
        _material_lot,
        (_TO_MATERIAL, _TO_ORDER),
    ),
    Table("serial_unit", ("serial_number",), "mes.mes_sn", ("sn",), _serial_unit, (_TO_LOT, _TO_ORDER)),
    Table("test_result", ("test_result_id",), "mes.mes_insp_h", ("insp_id",), _test_result, (_TO_UNIT, _TO_LOT)),
)
