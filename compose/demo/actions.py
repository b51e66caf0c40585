"""Every kind of action that the simulator has. A run in which one of them never happened has not shown them all."""

from __future__ import annotations

ACTIONS = frozenset(
    {
        *("bad row corrected", "bad row written", "bill approved", "bill deleted", "bill entered again"),
        *("bill taken out", "bulk update", "column added in ERP", "column added in MES", "complaint investigated"),
        *(
            "complaint received",
            "concession",
            "material listed in MES",
            "material relisted in MES",
            "packaging changed",
        ),
        *("customer changed", "customer created", "customer deleted", "customer entered again", "customers swapped"),
        *("entries swapped", "entry corrected", "entry renumbered", "incoming inspection", "inspection corrected"),
        *("inspection failed", "inspection passed", "label voided", "lot after its serials"),
        *("lot before its work order", "lot corrected", "lot opened", "lot released", "lot shipped"),
        *("material changed", "material created", "material issue", "material renamed", "material renamed in MES"),
        *("new column used in ERP", "new column used in MES", "nothing changed in ERP", "nothing changed in MES"),
        *("other issue", "other receipt", "production order planned", "production order reported"),
        *("production receipt", "protocol unchanged", "purchase receipt", "receipt not approved", "red reversal"),
        *("result changed", "result pending", "rework", "rolled back in ERP", "rolled back in MES"),
        *("sales order cancelled", "sales order created", "serial after its shipment", "serial before its lot"),
        *("serial renamed", "serials produced", "serials swapped", "shipment before its serial", "stock changed"),
        *("supplier changed", "supplier created", "transfer", "unit marked as shipped", "unit shipped"),
        *("work order after its lot", "work order created", "work order finished", "work order released"),
    }
)
