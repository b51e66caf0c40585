"""One serial number as ERP, MES and target hold it, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg
import pymysql
import pymysql.cursors
from psycopg.rows import dict_row
from rich.table import Table

from compose.compare.database import PostgreSql

Record = Mapping[str, Any]

# A serial that has been through everything: made of parts of which a supplier is known, inspected, shipped. The latest.
_TARGET = """
    SELECT u.serial_number, u.material_id, u.lot_number, u.job_order_id, u.status, m.name AS material_name, m.udi_di,
           l.expiry_date, t.inspection_no, t.result, t.disposition, t.measured_length, s.order_no, p.name AS party_name,
           s.quantity, s.quantity_uom, s.shipped_at
      FROM trace.shipment s
      JOIN trace.serial_unit u USING (serial_number)
      JOIN trace.material m ON m.material_id = u.material_id
      JOIN trace.material_lot l ON (l.material_id, l.lot_number) = (u.material_id, u.lot_number)
      JOIN trace.party p USING (party_id)
      LEFT JOIN trace.test_result t USING (serial_number)
     WHERE NOT (s._deleted OR u._deleted)
     ORDER BY EXISTS (SELECT FROM trace.material_actual a JOIN trace.stock_movement b USING (material_id, lot_number)
                       WHERE a.serial_number = u.serial_number AND b.party_id IS NOT NULL) DESC,
              t.test_result_id IS NULL, s.shipped_at DESC, t.measured_length NULLS LAST
     LIMIT 1
"""
_MES = """
    SELECT s.*, l.exp_date, i.insp_no, i.result, i.disposition, i.measured, i.measured_uom
      FROM mes_sn s
      LEFT JOIN mes_lot l ON (l.item_no, l.lot_no) = (s.item_no, s.lot_no)
      LEFT JOIN mes_insp_h i ON i.sn = s.sn AND i.insp_no = %s
     WHERE btrim(s.sn) = %s
"""
_ERP = """
    SELECT i.FNumber, i.FName, i.F_UDIDI, o.FBillNo, c.FName AS customer, e.FBatchNo, e.FSerialNo, e.FQty,
           u.FName AS unit, e.FShipDate
      FROM SEOrderEntry e
      JOIN SEOrder o ON o.FInterID = e.FInterID
      JOIN t_Organization c ON c.FItemID = o.FCustID
      JOIN t_ICItem i ON i.FItemID = e.FItemID
      JOIN t_MeasureUnit u ON u.FItemID = e.FUnitID
     WHERE o.FBillNo = %s AND TRIM(e.FSerialNo) = %s
"""


def serial_table(env: Mapping[str, str]) -> tuple[str, Table] | None:
    """Return a serial number and its table, None if none that was shipped is in the target."""
    with closing(PostgreSql(env, "CDC_TARGET", "CDC_TARGET", "target")) as target:
        held = _one(target.connection, _TARGET)
    if held is None:
        return None
    with closing(PostgreSql(env, "CDC_MES", "CDC_MES_ADMIN", "mes")) as mes:
        made = _one(mes.connection, _MES, held["inspection_no"], held["serial_number"]) or {}
    sold = _sold(env, held["order_no"], held["serial_number"])
    return str(held["serial_number"]), _table(sold, made, held)


def _table(sold: Record, made: Record, held: Record) -> Table:
    table = Table("", "ERP (MariaDB, GBK)", "MES (PostgreSQL)", "target (canonical)")
    table.title = f"serial number {held['serial_number']}"
    rows = (
        ("serial number", sold.get("FSerialNo"), made.get("sn"), held["serial_number"]),
        ("material", sold.get("FNumber"), made.get("item_no"), held["material_id"]),
        ("name", sold.get("FName"), None, held["material_name"]),
        ("UDI-DI", sold.get("F_UDIDI"), None, held["udi_di"]),
        ("lot", sold.get("FBatchNo"), made.get("lot_no"), held["lot_number"]),
        ("expires", None, made.get("exp_date"), held["expiry_date"]),
        ("job order", None, made.get("wo_no"), held["job_order_id"]),
        ("status", None, made.get("status"), held["status"]),
        ("inspection", None, made.get("insp_no"), held["inspection_no"]),
        ("result", None, made.get("result"), held["result"]),
        ("disposition", None, made.get("disposition"), held["disposition"]),
        ("length", None, _measured(made), _millimetres(held["measured_length"])),
        ("order", sold.get("FBillNo"), None, held["order_no"]),
        ("customer", sold.get("customer"), None, held["party_name"]),
        ("quantity", _quantity(sold), None, f"{held['quantity']:f} {held['quantity_uom']}"),
        ("shipped", sold.get("FShipDate"), None, held["shipped_at"]),
    )
    for name, *cells in rows:
        table.add_row(name, *("" if cell is None else str(cell) for cell in cells))
    return table


def _measured(made: Record) -> str | None:
    return f"{made['measured']} {made['measured_uom']}" if made.get("measured") is not None else None


def _millimetres(length: object) -> str | None:
    return None if length is None else f"{length} MMT"


def _quantity(sold: Record) -> str | None:
    return f"{sold['FQty']} {sold['unit']}" if sold else None


def _one(connection: psycopg.Connection[Any], statement: str, *values: str | None) -> Record | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, values).fetchone()


def _sold(env: Mapping[str, str], order_no: str, serial_number: str) -> Record:
    connection = pymysql.connect(
        host=env["CDC_ERP_HOST"],
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_ADMIN_USER"],
        password=env["CDC_ERP_ADMIN_PASSWORD"],
        database=env["CDC_ERP_DATABASE"],
        charset="utf8mb4",
        cursorclass=pymysql.cursors.DictCursor,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(_ERP, (order_no, serial_number))
        return cursor.fetchone() or {}
