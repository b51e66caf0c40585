"""What the MES feeds, written down by hand."""

from __future__ import annotations

from fractions import Fraction

from compose.compare.label import read_label
from compose.compare.log import Row
from compose.compare.table import ORDER, Feed, Fold, Lookups, Outputs, Reference, Table, Values
from compose.compare.value import (
    Held,
    Text,
    as_is,
    check_dates,
    check_order,
    clean,
    code,
    converted,
    decimal,
    gtin,
    instant,
    limited,
    lot,
    measured,
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


_YES_NO = {**dict.fromkeys(("Y", "T", "1", "是"), "t"), **dict.fromkeys(("N", "F", "0", "否"), "f")}
_REPORTS = {"INI": "INITIAL", "FUP": "FOLLOW_UP", "FIN": "FINAL"}
_PROBLEMS = {"2682": "A0101", "1546": "A04", "2993": "A24", "A0101": "A0101"} | {
    one: one for one in (f"A{number:02d}" for number in range(1, 28))
}
_IMPACTS = {one: one for one in ("F02", "F08", "F11", "F12", "F24", "F26")}
_FINDINGS = {one: one for one in (f"C{number:02d}" for number in range(1, 24))}
_CONCLUSIONS = {one: one for one in (f"D{number:02d}" for number in range(1, 18))}


def _item(row: Row, _look: Lookups) -> Outputs:
    days = row["shelf_days"]
    values: Values = {
        "material_id": required(limited(clean(row["item_no"]), 40)),
        "name": limited(clean(row["item_name"]), 255),
        "specification": limited(clean(row["spec"]), 255),
        "serial_controlled": code(row["serial_yn"], _YES_NO),
        "shelf_life_days": days if int(days or 0) > 0 else None,
        "udi_di": gtin(row["udi_di"]),
        ORDER: "1",  # after the ERP
    }
    return {"material": [values]}


def _work_order(row: Row, _look: Lookups) -> Outputs:
    order: Values = {
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
    if row["started_at"] is None:
        return {"job_order": [order]}
    response = {column: order[column] for column in ("job_order_id", "state", "done_quantity")}
    times: Values = {"started_at": order["started_at"], "completed_at": order["completed_at"]}
    check_order(row["started_at"], row["completed_at"])
    return {
        "job_order": [order],
        "job_response": [{"job_response_id": f"MES-{row['wo_id']}", **response, **times}],
    }


def _material_lot(row: Row, _look: Lookups) -> Outputs:
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
        ORDER: "0",  # before any bill of the ERP
    }
    check_dates(values["manufacture_date"], values["expiry_date"])
    return {"material_lot": [values]}


def _serial_unit(row: Row, _look: Lookups) -> Outputs:
    values: Values = {
        "serial_number": required(lot(row["sn"])),
        "material_id": required(limited(clean(row["item_no"]), 40)),
        "lot_number": required(lot(row["lot_no"])),
        "job_order_id": limited(clean(row["wo_no"]), 40),
        "status": required(code(row["status"], _UNIT_STATES)),
        "station": limited(as_is(row["station"]), 20),
        "rework_count": required(row["rework_count"]),
        "produced_at": row["produced_at"],
    }
    return {"serial_unit": [values]}


def _inspection(row: Row, _look: Lookups) -> Outputs:
    result: Values = {
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
    result["_warnings"] = '{"QC-W11 nonconforming_count"}' if _accepted_with_defects(result) else None
    if result["disposition"] == "CONCESSION" and result["authorised_by"] is None:
        raise Held("QC-101")
    if result["disposition"] is None and result["result"] != "REJECTED":
        return {"test_result": [result]}
    same = ("test_result_id", "serial_number", "material_id", "lot_number", "nonconforming_count", "disposition")
    found: Values = {
        "nonconformance_id": result["test_result_id"],
        **{column: result[column] for column in (*same, "authorised_by")},
        "recorded_at": result["evaluated_at"],
    }
    return {"test_result": [result], "nonconformance": [found]}


def _accepted_with_defects(result: Values) -> bool:
    return result["result"] == "ACCEPTED" and int(result["nonconforming_count"] or 0) > 0


def _measurements(row: Row, _look: Lookups) -> Outputs:
    entered = [(place, row[f"test{place}"], row[f"res{place}"]) for place in range(1, 11)]
    head: Values = {"test_result_id": f"MES-{row['insp_id']}", "line_no": row["line_no"]}
    characteristic = limited(clean(row["item"]), 60)
    rows = [
        {
            **head,
            "sequence": str(place),
            "characteristic": characteristic,
            **_reading(text),
            "judgement": code(judged, _RESULTS),
        }
        for place, text, judged in entered
        if clean(text) is not None or clean(judged) is not None
    ]
    return {"test_measurement": rows}


def _reading(text: Text) -> Values:
    value, comparator, tolerance = measured(text)
    return {
        "entered": limited(clean(text), 30),
        "value": number(value),
        "comparator": comparator,
        "tolerance": number(tolerance),
    }


def _genealogy(row: Row, _look: Lookups) -> Outputs:
    values: Values = {
        "material_actual_id": f"MES-{row['gen_id']}",
        "material_use": _use(row["qty"]),
        "serial_number": required(lot(row["parent_sn"])),
        "material_id": required(limited(clean(row["child_item"]), 40)),
        "lot_number": required(lot(row["child_lot"])),
        "quantity": required(decimal(row["qty"])),
        "consumed_at": required(instant(row["consumed_at"], "Asia/Shanghai")),
    }
    return {"material_actual": [values]}


def _use(quantity: Text) -> str:
    if quantity is None or Fraction(quantity) < 0:
        raise Held("COD-201")
    return "CONSUMED"


def _label(row: Row, _look: Lookups) -> Outputs:
    serial = required(lot(row["sn"]))
    label = read_label(row["udi_raw"], int(str(row["printed_at"])[:4]))
    values: Values = {
        "udi_label_id": f"MES-{row['label_id']}",
        "serial_number": serial,
        "udi_raw": required(limited(as_is(row["udi_raw"]), 200)),
        "issuing_agency": "GS1",
        "device_identifier": label["01"],
        "lot_number": label.get("10"),
        "label_serial": label.get("21"),
        "manufacture_date": label.get("11"),
        "expiry_date": label.get("17"),
        "label_warning": None,
        "copies": row["copies"],
        "voided": row["void"],
        "printed_at": row["printed_at"],
        "_warnings": None,
    }
    if label.get("21", serial) != serial:
        raise Held("UDI-112")
    check_dates(label.get("11"), label.get("17"))
    return {"udi_label": [values]}


def _complaint(row: Row, _look: Lookups) -> Outputs:
    values: Values = {
        "event_id": f"MES-{row['complaint_id']}",
        "complaint_no": required(limited(clean(row["complaint_no"]), 40)),
        "report_type": required(code(row["report_type"], _REPORTS)),
        "received_at": required(row["received_at"]),
        "awareness_date": row["aware_date"],
        "event_date": row["event_date"],
        "serial_number": lot(row["sn"]),
        "material_id": limited(clean(row["item_no"]), 40),
        "lot_number": lot(row["lot_no"]),
        "device_problem_code": code(row["device_problem"], _PROBLEMS),
        "health_impact_code": code(row["health_impact"], _IMPACTS),
        "investigation_type_code": code(row["inv_type"], {"B01": "B01"}),
        "investigation_finding_code": code(row["inv_finding"], _FINDINGS),
        "investigation_conclusion_code": code(row["inv_conclusion"], _CONCLUSIONS),
        "reportable": code(row["reportable"], _YES_NO),
        "complainant": limited(as_is(row["complainant"]), 80),
        "complainant_address": limited(as_is(row["address"]), 120),
        "complainant_phone": limited(as_is(row["phone"]), 40),
        "patient_ref": limited(as_is(row["patient_ref"]), 40),
        "nature": limited(as_is(row["nature"]), 4000),
        "corrective_action": limited(as_is(row["corrective"]), 4000),
        "replied_date": row["replied_on"],
    }
    check_order(values["event_date"], values["awareness_date"])
    needed = ("awareness_date", "device_problem_code", "health_impact_code")
    if values["reportable"] == "t" and any(values[column] is None for column in needed):
        raise Held("AE-101")
    return {"adverse_event": [values]}


_TO_LOT = Reference(("material_id", "lot_number"), "material_lot")
_TO_ORDER = Reference(("job_order_id",), "job_order")
_TO_MATERIAL = Reference(("material_id",), "material")
_TO_UNIT = Reference(("serial_number",), "serial_unit")
_TO_RESULT = Reference(("test_result_id",), "test_result")

_LOT = {
    **dict.fromkeys(("job_order_id", "quantity", "status", "released_by", "released_at"), "owner mes"),
    **dict.fromkeys(("manufacture_date", "expiry_date"), "first"),
}

TABLES = (
    Table("job_order", ("job_order_id",), (_TO_MATERIAL,)),
    Table("job_response", ("job_response_id",), (_TO_ORDER,)),
    Table("material_lot", ("material_id", "lot_number"), (_TO_MATERIAL, _TO_ORDER), Fold(_LOT)),
    Table("serial_unit", ("serial_number",), (_TO_LOT, _TO_ORDER)),
    Table("material_actual", ("material_actual_id",), (_TO_UNIT, _TO_LOT)),
    Table("test_result", ("test_result_id",), (_TO_UNIT, _TO_LOT)),
    Table("test_measurement", ("test_result_id", "line_no", "sequence"), (_TO_RESULT,)),
    Table("nonconformance", ("nonconformance_id",), (_TO_RESULT,)),
    Table("udi_label", ("udi_label_id",), (_TO_UNIT,)),
    Table("adverse_event", ("event_id",), (_TO_UNIT, _TO_LOT)),
)
FEEDS = (
    Feed("mes.mes_item", ("item_id",), _item),
    Feed("mes.mes_wo", ("wo_id",), _work_order, tombstones=False),
    Feed("mes.mes_lot", ("lot_id",), _material_lot),
    Feed("mes.mes_sn", ("sn",), _serial_unit),
    Feed("mes.mes_genealogy", ("gen_id",), _genealogy),
    Feed("mes.mes_insp_h", ("insp_id",), _inspection),
    Feed("mes.mes_insp_d", ("insp_id", "line_no"), _measurements),
    Feed("mes.mes_label", ("label_id",), _label),
    Feed("mes.mes_complaint", ("complaint_id",), _complaint),
)
