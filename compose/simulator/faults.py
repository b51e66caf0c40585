"""Rows that are wrong on purpose: what is spoilt, how, and the code that must hold it.

A fault overwrites some columns of its subject and knows what they should have been. About half of the faults are put
right later by exactly that. A row that is wrong is in no pool: nothing else touches it until it is right again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from compose.simulator import names, subjects
from compose.simulator.subjects import Maker, Subject
from compose.simulator.transaction import Transaction
from compose.simulator.value import ZERO_DATETIME, Row, Value
from compose.simulator.world import World

# A column's wrong value, or how it is made of the row that is right (or that is to be doubled).
Wrong = Mapping[str, Value | Callable[[Row], Value]]

# More than half: the last ones are planned beyond the end of the run.
_HEALED: Final = 0.6
_LOST: Final = "SN0000LOST"
_MADE: Final = datetime(2026, 2, 1, 0, 0, 0)  # noqa: DTZ001 (the ERP stores the plant's local time)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way of being wrong. `right` says how it is put right where the values of before are not the answer."""

    code: str
    make: Maker
    wrong: Wrong = field(default_factory=dict)
    right: Mapping[str, Value] = field(default_factory=dict)
    heals: bool = True
    removed: bool = False


def _day_before(column: str) -> Callable[[Row], Value]:
    return lambda row: row[column] - timedelta(days=1)


FAULTS: Final = (
    Fault("COD-201", subjects.material, {"FBatchManager": 2}),
    Fault("UOM-202", subjects.material, {"FUnitID": names.NO_UNIT}),
    Fault("UOM-202", subjects.material, {"FUnitID": names.PALLET}),
    Fault("REQ-101", subjects.material, {"FName": "-"}),
    Fault("REQ-101", subjects.material, {"FName": None}),
    Fault("UDI-101", subjects.material, {"F_UDIDI": "6901234567897"}),  # the check digit is 2
    Fault("UDI-102", subjects.material, {"F_UDIDI": "690123-456789"}),
    Fault("UDI-102", subjects.material, {"F_UDIDI": "6.90123E+12"}),
    Fault("COD-201", subjects.listed_material, {"serial_yn": "?"}),
    Fault("UDI-102", subjects.listed_material, {"udi_di": "690123"}),
    Fault("NUM-101", subjects.packaging, {"FCoefficient": Decimal(0)}),
    Fault("UOM-202", subjects.packaging, {"FUnitID": names.PALLET}),
    Fault("REQ-101", subjects.packaging, {"FEffectDate": ZERO_DATETIME}),
    Fault("COD-201", subjects.customer, {"FCountry": "火星"}),
    Fault("REQ-101", subjects.customer, {"FName": "\u3000"}),
    Fault("REQ-101", subjects.supplier, {"FName": "/"}),
    Fault("COD-201", subjects.supplier, {"FDeleted": 2}),
    Fault("UOM-201", subjects.movement, {"FUnitID": names.BOX}),
    Fault("UOM-202", subjects.movement, {"FUnitID": names.NO_UNIT}),
    Fault("UOM-203", subjects.movement, {"FUnitID": names.KILOGRAM}),
    Fault("UOM-203", subjects.movement, {"FAuxQty": Decimal("2.5")}),
    Fault("LOT-101", subjects.movement, {"FBatchNo": "2026年#1"}),
    Fault("NUM-101", subjects.movement, {"FAuxQty": Decimal(5_000_000_000_000)}),
    Fault("REF-301", subjects.movement, {"FItemID": 999_999}),
    Fault("DAT-101", subjects.movement, {"FKFDate": _MADE, "FPeriodDate": _MADE - timedelta(days=30)}),
    Fault("COD-201", subjects.bill, {"FTranType": 99}),
    Fault("TXT-101", subjects.bill, {"FBillNo": "X" * 61}),
    Fault("LOT-101", subjects.shipment, {"FBatchNo": "混批 12"}),
    Fault("UOM-201", subjects.shipment, {"FUnitID": names.CARTON}),
    Fault("REF-301", subjects.shipment, {"FSerialNo": _LOST}),
    Fault("COD-201", subjects.work_order, {"state": "??"}),
    Fault("KEY-201", subjects.second_work_order, {"wo_no": lambda old: old["wo_no"]}, removed=True),
    Fault("TXT-101", subjects.work_order, {"remark": "返工原因不明。" * 300}),
    Fault("REF-301", subjects.work_order, {"item_no": "99.99.9999"}),
    Fault("LOT-101", subjects.lot, {"lot_no": "批次7"}),
    Fault("LOT-101", subjects.lot, {"lot_no": "LOT-NUMBER-OVER-TWENTY"}),
    Fault("REQ-101", subjects.lot, {"lot_no": "/"}),
    Fault("COD-201", subjects.lot, {"status": "X"}),
    Fault("DAT-101", subjects.old_lot, {"exp_date": _day_before("mfg_date")}),
    Fault("COD-201", subjects.old_lot, {"status": "?"}),
    Fault("COD-201", subjects.serial, {"status": "LOST"}),
    Fault("REF-301", subjects.serial, {"lot_no": "26Z99999"}),
    Fault("LOT-101", subjects.odd_serial, heals=False),  # a key that is put right leaves the wrong one as a tombstone
    Fault(
        "QC-101",
        subjects.inspection,
        {"result": "CON", "disposition": "让步接收", "authorised_by": None},
        {"authorised_by": "质量部"},
    ),
    Fault(
        "QC-101",
        subjects.inspection,
        {"result": "CON", "disposition": "特采", "authorised_by": "/"},
        {"authorised_by": "质量部"},
    ),
    Fault("COD-201", subjects.inspection, {"result": "??"}),
    Fault("UOM-202", subjects.inspection, {"measured": Decimal(12), "measured_uom": "尺"}),
    Fault("UOM-202", subjects.inspection, {"measured": Decimal(12), "measured_uom": None}),
    Fault("UOM-203", subjects.inspection, {"measured": Decimal(12), "measured_uom": "克"}),
    Fault("NUM-101", subjects.inspection, {"measured": Decimal(5_000_000_000), "measured_uom": "米"}),
    Fault("REF-301", subjects.inspection, {"sn": _LOST}),
    Fault("NUM-101", subjects.measurement, {"test1": "2.0.1"}),
    Fault("COD-201", subjects.measurement, {"res2": "?"}),
    Fault("COD-201", subjects.genealogy, {"qty": Decimal(-1)}),
    Fault("REF-301", subjects.genealogy, {"parent_sn": _LOST}),
    Fault("AE-101", subjects.complaint, {"reportable": "Y", "health_impact": "/"}),
    Fault("COD-201", subjects.complaint, {"device_problem": "A99"}),
    Fault("DAT-101", subjects.complaint, {"aware_date": _day_before("event_date")}),
    Fault("REF-301", subjects.complaint, {"sn": _LOST}),
    Fault("UDI-103", subjects.label, {"udi_raw": "补打标签"}),
    Fault("UDI-101", subjects.label, {"udi_raw": "]d20106901234567897"}),  # the check digit is 2
    Fault("UDI-112", subjects.label, {"udi_raw": "]d2010690123456789221SN0000OTHER"}),
)


def bad_row(world: World, fault: Fault) -> Transaction | None:
    """Write something wrong; plan its correction, or not."""
    subject = fault.make(world, "bad row written")
    if subject is None:
        return None
    before = world.row(subject.mirror, *subject.key)
    wrong = {
        column: value(before if subject.like is None else subject.like) if callable(value) else value
        for column, value in fault.wrong.items()
    }
    right = dict(fault.right) or {column: before[column] for column in wrong}
    world.amend(subject.transaction, subject.mirror, subject.key, **wrong)
    for mirror, key in bearers(subject):
        world.spoil(subject.transaction, mirror, key, fault.code)
    world.hide(*subject.hides)
    if fault.heals and world.chance(_HEALED):
        world.later(world.rng.randint(60, 500), lambda world: _corrected(world, fault, subject, right))
    return subject.transaction


def bearers(subject: Subject) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    """Return the rows that are refused for a subject."""
    return subject.bearers or ((subject.mirror, subject.key),)


def _corrected(world: World, fault: Fault, subject: Subject, right: Row) -> Transaction:
    transaction = Transaction(subject.transaction.source, "bad row corrected")
    if fault.removed:
        world.delete(transaction, subject.mirror, subject.key)
    else:
        world.update(transaction, subject.mirror, subject.key, **right)
    for mirror, key in bearers(subject):
        world.heal(transaction, mirror, key)
    world.show(*subject.hides)
    if subject.returns is not None:
        world.settle(*subject.returns)
    return transaction
