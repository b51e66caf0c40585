"""Quality: inspections of units, failures, concessions, rework, results that change, protocols that do not."""

from __future__ import annotations

from compose.simulator.erp import person
from compose.simulator.mes import (
    COMPLAINT,
    INSPECTION,
    SERIAL,
    new_complaint,
    new_inspection,
    new_label,
    protocol,
    serial_stands_on,
)
from compose.simulator.transaction import Transaction
from compose.simulator.value import Key, Row, Value
from compose.simulator.world import World


def _made(world: World) -> Row | None:
    """Take a unit that waits for its inspection."""
    pool = world.pools["sn.made"]
    return world.row(SERIAL, *pool.take(world.rng)) if len(pool) else None


def _inspect(world: World, action: str, serial: Row, status: str, **values: Value) -> tuple[Transaction, Key]:
    transaction = Transaction("mes", action)
    key = new_inspection(world, transaction, "FQC", serial, **values)
    world.update(transaction, SERIAL, (serial["sn"],), status=status)
    if world.visible(serial_stands_on(serial)):
        world.probe(transaction, "test_result", f"MES-{key[0]}")
    if len(world.row(INSPECTION, *key)["note"] or "") > 1000:
        world.settle("insp.protocol", key, 20)
    return transaction, key


def inspection_passed(world: World) -> Transaction | None:
    """A unit passes."""
    serial = _made(world)
    if serial is None:
        return None
    defects = int(world.chance(0.03))  # within what the sampling plan accepts
    transaction, _ = _inspect(world, "inspection passed", serial, "OK", defect_count=defects)
    world.settle("sn.passed", (serial["sn"],))
    return transaction


def inspection_failed(world: World) -> Transaction | None:
    """A unit fails: rework, repair or scrap."""
    serial = _made(world)
    if serial is None:
        return None
    disposition, status = world.rng.choice((("返工", "NG"), ("返工", "NG"), ("返修", "NG"), ("报废", "SCRAP")))
    transaction, _ = _inspect(
        world,
        "inspection failed",
        serial,
        status,
        result="NG",
        disposition=disposition,
        defect_count=1,
        note="不合格：" + disposition,
    )
    if status == "NG":
        world.settle("sn.failed", (serial["sn"],), 20)
    return transaction


def concession(world: World) -> Transaction | None:
    """A unit is off its limits and accepted all the same, by somebody who may."""
    serial = _made(world)
    if serial is None:
        return None
    disposition = world.rng.choice(("让步接收", "特采"))
    transaction, _ = _inspect(
        world,
        "concession",
        serial,
        "OK",
        result="CON",
        disposition=disposition,
        authorised_by=person(world),
        defect_count=1,
    )
    world.settle("sn.passed", (serial["sn"],))
    return transaction


def result_pending(world: World) -> Transaction | None:
    """A result waits for the laboratory, and comes later."""
    serial = _made(world)
    if serial is None:
        return None
    note = protocol(world) if world.chance(0.5) else None
    transaction, key = _inspect(world, "result pending", serial, "WIP", result="PEND", note=note)

    def come(world: World) -> Transaction:
        changed = Transaction("mes", "result changed")
        world.update(changed, INSPECTION, key, result="OK", evaluated_at=world.instant)
        world.update(changed, SERIAL, (serial["sn"],), status="OK")
        world.settle("sn.passed", (serial["sn"],))
        return changed

    world.later(world.rng.randint(30, 200), come)
    return transaction


def rework(world: World) -> Transaction | None:
    """A failed unit goes through the line again, and is relabelled."""
    pool = world.pools["sn.failed"]
    if not len(pool):
        return None
    key = pool.take(world.rng)
    row = world.row(SERIAL, *key)
    transaction = Transaction("mes", "rework")
    world.update(transaction, SERIAL, key, status="WIP", rework_count=row["rework_count"] + 1, station="REWORK")
    new_label(world, transaction, row, key[0], copies=2)
    world.settle("sn.made", key, 10)
    return transaction


def protocol_kept(world: World) -> Transaction | None:
    """An inspection is signed by somebody else; its long protocol is not touched, and not in the log either."""
    pool = world.pools["insp.protocol"]
    if not len(pool):
        return None
    transaction = Transaction("mes", "protocol unchanged")
    key = pool.pick(world.rng)
    world.update(transaction, INSPECTION, key, inspector=person(world), evaluated_at=world.instant)
    return transaction


def sample_corrected(world: World) -> Transaction | None:
    """The sample size of an inspection was mistyped."""
    pool = world.pools["insp.protocol"]
    if not len(pool):
        return None
    transaction = Transaction("mes", "inspection corrected")
    world.update(transaction, INSPECTION, pool.pick(world.rng), sample_size=world.rng.randint(1, 200))
    return transaction


def complaint_received(world: World) -> Transaction | None:
    """A hospital complains about a unit that was shipped; what is found out about it comes later."""
    pool = world.pools["sn.shipped"]
    if not len(pool):
        return None
    key = pool.pick(world.rng)
    serial = world.rows[SERIAL].get(key)
    if serial is None:
        return None
    transaction = Transaction("mes", "complaint received")
    complaint = new_complaint(world, transaction, serial)
    if world.visible(serial_stands_on(serial)):
        world.probe(transaction, "adverse_event", f"MES-{complaint[0]}")

    def investigated(world: World) -> Transaction:
        found = Transaction("mes", "complaint investigated")
        world.update(
            found,
            COMPLAINT,
            complaint,
            report_type=world.rng.choice(("FUP", "FIN")),
            inv_type="B01",
            inv_finding=world.rng.choice(("C02", "C07", "C10", "C19")),
            inv_conclusion=world.rng.choice(("D02", "D03", "D14", "D15")),
            corrective=world.rng.choice((None, "更换部件", "客户培训")),
            replied_on=world.now.date(),
        )
        return found

    world.later(world.rng.randint(40, 300), investigated)
    return transaction
