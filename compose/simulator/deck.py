"""Which kinds of action there are, and how often each comes up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from compose.simulator import changes, masters, production, quality, sales, stock
from compose.simulator.transaction import Transaction
from compose.simulator.world import World

Action = Callable[[World], Transaction | None]

# What an ordinary day consists of: so many cards of each in a deck.
ORDINARY: Final[Mapping[Action, int]] = {
    masters.material_created: 6,
    masters.material_changed: 4,
    masters.material_relisted: 2,
    masters.packaging_changed: 1,
    masters.customer_created: 3,
    masters.customer_changed: 3,
    masters.supplier_created: 1,
    masters.supplier_changed: 1,
    masters.stock_changed: 1,
    stock.purchase_receipt: 22,
    stock.unapproved_receipt: 8,
    stock.material_issue: 14,
    stock.other_issue: 3,
    stock.transfer: 5,
    stock.other_receipt: 3,
    stock.production_receipt: 8,
    stock.red_reversal: 3,
    stock.entry_corrected: 5,
    sales.order_created: 18,
    sales.unit_shipped: 24,
    sales.lot_shipped: 8,
    sales.order_cancelled: 2,
    production.task_created: 6,
    production.work_order_released: 5,
    production.work_order_finished: 4,
    production.lot_opened: 9,
    production.serials_produced: 34,
    production.lot_released: 6,
    production.lot_corrected: 2,
    quality.inspection_passed: 36,
    quality.inspection_failed: 8,
    quality.concession: 5,
    quality.result_pending: 4,
    quality.rework: 6,
    quality.protocol_kept: 4,
    quality.sample_corrected: 2,
    quality.complaint_received: 4,
}

# What happens now and then while somebody captures it; a history that nobody saw has none of it.
AWKWARD: Final[Mapping[Action, int]] = {
    changes.material_renamed: 2,
    changes.entry_renumbered: 1,
    changes.entries_swapped: 1,
    changes.customers_swapped: 1,
    changes.serial_renamed: 1,
    changes.serials_swapped: 1,
    changes.customer_deleted: 1,
    changes.bill_deleted: 1,
    changes.bill_entered_again: 1,
    changes.serial_before_lot: 2,
    changes.lot_before_order: 2,
    changes.shipment_before_serial: 2,
    changes.nothing_changed_in_erp: 1,
    changes.nothing_changed_in_mes: 1,
    changes.rolled_back_in_erp: 1,
    changes.rolled_back_in_mes: 1,
    changes.label_voided: 1,
}
