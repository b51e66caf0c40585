"""Small sources by hand: one row or two of everything, good and bad, as the two applications would have left them."""

# ruff: noqa: PIE800 - a row reads better in three lines than in twelve
from __future__ import annotations

from typing import Any

Rows = dict[str, list[dict[str, Any]]]

_ZERO = "0000-00-00 00:00:00"

ERP: Rows = {
    "t_MeasureUnit": [
        {"FItemID": 1, "FNumber": "01", "FName": "个"},
        {"FItemID": 2, "FNumber": "02", "FName": "盒", "FCoefficient": "0.0000000001"},
        {"FItemID": 3, "FNumber": "03", "FName": "千克"},
        {"FItemID": 4, "FNumber": "04", "FName": "克"},
    ],
    "t_ICItem": [
        {
            **{"FItemID": 101, "FNumber": "02.01.001  ", "FName": "一次性导管 ", "FModel": "　φ5×100㎜", "FUnitID": 1},
            **{"FISKFPeriod": 1, "FKFPeriod": 730, "FBatchManager": 1, "FIsSnManage": 1, "FInspection": 1},
            **{"FPlanPrice": "12.3400000000", "F_UDIDI": "6901234567892", "F_REGNO": "国械注准20263140001"},
        },
        {"FItemID": 102, "FNumber": "03.02.117", "FName": "聚乙烯颗粒", "FUnitID": 3, "FKFPeriod": 90, "F_UDIDI": "/"},
        {"FItemID": 103, "FNumber": "02.01.003", "FName": "导丝", "FUnitID": 1, "F_UDIDI": "6901234567893"},
    ],
    "t_ICItemUnit": [
        {
            **{"FID": 1, "FItemID": 101, "FUnitID": 2, "FCoefficient": "20", "FEffectDate": "2020-01-01 00:00:00"},
            "FExpireDate": "2026-01-01 00:00:00",  # not for the bills below
        }
    ],
    "t_Supplier": [{"FItemID": 501, "FNumber": "S001", "FName": "上海供应商", "FLicenceTo": "0000-00-00"}],
    "t_Organization": [
        {"FItemID": 301, "FNumber": "C001", "FName": "北京医院", "FCountry": "中国", "FCreditAmt": "-0.0000000001"},
        {"FItemID": 302, "FNumber": "C002", "FName": "Nobody", "FCountry": "Atlantis"},
    ],
    "t_Stock": [
        {"FItemID": 401, "FNumber": "W1", "FName": "原料仓", "FIsStockMgr": 1},
        {"FItemID": 402, "FNumber": "W2", "FName": "成品仓"},
    ],
    "ICMO": [{"FInterID": 601, "FBillNo": "WO1", "FItemID": 101, "FQty": "100", "FStartDate": "2026-03-01 00:00:00"}],
    "ICStockBill": [
        {"FInterID": 701, "FTranType": 24, "FBillNo": "SOUT701", "FDate": "2026-03-01 07:59:59", "FCheckerID": 16394},
        {"FInterID": 702, "FTranType": 1, "FBillNo": "WIN702", "FDate": "2026-03-02 00:00:00", "FCheckerID": 0},
        {
            **{"FInterID": 703, "FTranType": 24, "FBillNo": "SOUT703", "FDate": "2026-03-03 00:00:00"},
            **{"FCheckerID": 1, "FROB": -1},
        },
        {
            **{"FInterID": 704, "FTranType": 2, "FBillNo": "CIN704", "FDate": "2026-03-04 00:00:00"},
            **{"FCheckerID": 1, "FSupplyID": 501},
        },
    ],
    "ICStockBillEntry": [
        {
            **{"FInterID": 701, "FEntryID": 1, "FItemID": 102, "FQty": "0.5", "FAuxQty": "500", "FUnitID": 4},
            **{"FBatchNo": "L-1", "FKFDate": "2026-01-01 00:00:00", "FPeriodDate": "2027-01-01 00:00:00"},
            **{"FSCStockID": 401, "FSourceBillNo": "-"},
        },
        {"FInterID": 701, "FEntryID": 2, "FItemID": 101, "FQty": "40", "FAuxQty": "2", "FUnitID": 2},
        {"FInterID": 701, "FEntryID": 3, "FItemID": 103, "FQty": "1", "FAuxQty": "1", "FUnitID": 1},
        {"FInterID": 702, "FEntryID": 1, "FItemID": 102, "FQty": "9", "FAuxQty": "9", "FUnitID": 3},
        {"FInterID": 703, "FEntryID": 1, "FItemID": 102, "FQty": "1", "FAuxQty": "1", "FUnitID": 3, "FDCStockID": 402},
        {
            **{"FInterID": 704, "FEntryID": 1, "FItemID": 101, "FQty": "5", "FAuxQty": "5", "FUnitID": 1},
            **{"FBatchNo": "LOT1", "FKFDate": "2026-03-02 00:00:00", "FDCStockID": 402},
        },
    ],
    "ICInventory": [
        {"FItemID": 101, "FStockID": 402, "FBatchNo": "LOT1", "FQty": "12.5000000000", "FBal": "0.10"},
        {"FItemID": 101, "FStockID": 402, "FBatchNo": "批1", "FKFDate": "20260101"},
        {"FItemID": 101, "FStockID": 402},
    ],
    "SEOrder": [{"FInterID": 801, "FBillNo": "SEORD801", "FDate": "2026-04-01 00:00:00", "FCustID": 301}],
    "SEOrderEntry": [
        {
            **{"FInterID": 801, "FEntryID": 1, "FItemID": 101, "FQty": "1", "FUnitID": 1, "FBatchNo": "LOT1"},
            **{"FSerialNo": "SN1", "FShipDate": "2026-04-02 12:00:00"},
        },
        {"FInterID": 801, "FEntryID": 2, "FItemID": 101, "FQty": "5", "FUnitID": 1},
    ],
}

MES: Rows = {
    "mes_item": [
        {
            **{"item_id": 1, "item_no": "02.01.001", "item_name": "导管", "serial_yn": "是", "shelf_days": 730},
            "updated_at": "2026-01-01 00:00:00+08",
        }
    ],
    "mes_complaint": [
        {
            **{"complaint_id": 1, "complaint_no": "K1", "report_type": "ini", "received_at": "2026-04-03 08:00:00+08"},
            **{"sn": "SN1", "device_problem": "1546", "reportable": "N"},
        }
    ],
    "mes_wo": [
        {
            **{"wo_id": 1, "wo_no": "WO1", "item_no": "02.01.001", "plan_qty": "100", "done_qty": "1.5"},
            **{"state": "RUN", "priority": 5, "planned_date": "2026-03-01", "remark": "急 "},
            "started_at": "2026-03-01 08:00:00.000001+08",
        }
    ],
    "mes_lot": [
        {
            **{"lot_id": 1, "item_no": "02.01.001", "lot_no": "LOT1", "wo_no": "WO1", "mfg_date": "2026-03-01"},
            **{"exp_date": "2028-03-01", "qty": "100.0000", "status": "OK", "released_by": "张三"},
            "released_at": "2026-03-05 10:00:00.123456+08",
        }
    ],
    "mes_sn": [
        {"sn": "SN1", "item_no": "02.01.001", "lot_no": "LOT1", "wo_no": "WO1", "status": "SHIP", "rework_count": 1},
        {"sn": "SN2", "item_no": "02.01.001", "lot_no": "批次二", "status": "WIP"},
    ],
    "mes_insp_h": [
        {
            **{"insp_id": 1, "insp_no": "I1", "insp_type": "FQC", "sn": "SN1", "item_no": "02.01.001"},
            **{"lot_no": "LOT1", "result": "CON", "disposition": "特采", "authorised_by": "李四"},
            **{"measured": "1.000000", "measured_uom": "in", "sample_size": 5, "note": "一" * 3000},
            "evaluated_at": "2026-03-04 00:00:00+08",
        },
        {"insp_id": 2, "insp_no": "I2", "insp_type": "FQC", "sn": "SN1", "result": "CON", "disposition": "让步接收"},
        {"insp_id": 3, "insp_no": "I3", "insp_type": "IQC", "sn": "SN2", "result": "OK"},
    ],
    "mes_insp_d": [{"insp_id": 1, "line_no": 1, "item": "外径", "test1": "2.01", "res1": "OK"}],
    "mes_genealogy": [
        {
            **{"gen_id": 1, "parent_sn": "SN1", "child_item": "03.02.117", "child_lot": "L-1"},
            **{"qty": "0.5", "consumed_at": "2026-03-02 10:00:00.5"},
        }
    ],
    "mes_label": [
        {
            **{"label_id": 1, "sn": "SN1", "udi_raw": "01069012345678921728030110LOT1\x1d21SN1", "void": True},
            "printed_at": "2026-03-04 10:00:00+08",
        }
    ],
}

# What the simulator would have logged: a material and a serial that are gone, and what was made wrong (one was healed).
LOG: list[dict[str, Any]] = [
    {
        **{"seq": 1, "source": "erp", "action": "delete", "committed_at": 1.0},
        "deleted": [
            [
                "erp.t_ICItem",
                {
                    **{"FItemID": "104", "FNumber": "02.01.004", "FName": "停产件", "FModel": None, "FUnitID": "1"},
                    **{"FISKFPeriod": "0", "FKFPeriod": None, "FBatchManager": "1", "FIsSnManage": "0"},
                    **{"F_UDIDI": None, "F_REGNO": None, "FDeleted": "1"},
                },
            ]
        ],
    },
    {
        **{"seq": 2, "source": "mes", "action": "delete", "committed_at": 2.0},
        "deleted": [
            [
                "mes.mes_sn",
                {
                    **{"sn": "SN9", "item_no": "02.01.001", "lot_no": "LOT1", "wo_no": None, "status": "SCRAP"},
                    **{"station": "ST-5", "rework_count": "0", "produced_at": "2026-03-03 00:00:00+00"},
                },
            ]
        ],
    },
    {
        **{"seq": 3, "source": "erp", "action": "seed", "committed_at": 3.0},
        "bad": [
            ["erp.t_ICItem", ["103"], "UDI-101"],
            ["erp.t_ICItem", ["102"], "UDI-102"],
            ["erp.t_Organization", ["302"], "COD-201"],
            ["erp.ICStockBillEntry", ["701", "2"], "UOM-201"],
            ["mes.mes_sn", ["SN2"], "LOT-101"],
            ["mes.mes_insp_h", ["2"], "QC-101"],
        ],
    },
    {
        **{"seq": 4, "source": "erp", "action": "correct", "committed_at": 4.0},
        "healed": [["erp.t_ICItem", ["102"]]],
    },
]
