"""Master data of the ERP: created, and changed now and then."""

from __future__ import annotations

from datetime import datetime

from compose.simulator import names
from compose.simulator.erp import (
    CUSTOMER,
    ITEM,
    PACKAGING,
    STOCK,
    SUPPLIER,
    new_customer,
    new_packaging,
    new_supplier,
    person,
)
from compose.simulator.erp import new_item as new_material
from compose.simulator.mes import MES_ITEM, new_item
from compose.simulator.transaction import Transaction
from compose.simulator.value import Key
from compose.simulator.world import World

KINDS = ("raw", "component", "product", "consumable")
# Which kinds come up how often.
_MIX = ("raw", "component", "component", "product", "product", "consumable", "consumable")

_LONG_AGO = datetime(2015, 1, 1, 0, 0, 0)  # noqa: DTZ001 (the ERP stores the plant's local time)


def item_pool(kind: str) -> str:
    """Return the pool of sound materials of a kind."""
    return f"item.{kind}"


def material_created(world: World) -> Transaction:
    """A new material, on its own."""
    transaction = Transaction("erp", "material created")
    kind = world.rng.choice(_MIX)
    key = new_material(world, transaction, kind)
    world.probe(transaction, "material", world.row(ITEM, *key)["FNumber"])
    world.settle(item_pool(kind), key)
    if kind != "raw":
        world.later(world.rng.randint(10, 60), lambda world: _listed(world, key))
    return transaction


def _listed(world: World, key: Key) -> Transaction:
    """Somebody types the material into the MES."""
    transaction = Transaction("mes", "material listed in MES")
    new_item(world, transaction, key)
    return transaction


def material_relisted(world: World) -> Transaction | None:
    """The MES corrects its list: sometimes towards the ERP's, sometimes away from it."""
    numbers = world.numbers["mes item"]
    row = world.rows[MES_ITEM].get((world.rng.randint(1, numbers),)) if numbers else None
    if row is None or (MES_ITEM, (row["item_id"],)) in world.bad:
        return None
    transaction = Transaction("mes", "material relisted in MES")
    days = world.rng.choice((None, 180, 365, 730, 1095))
    world.update(transaction, MES_ITEM, (row["item_id"],), shelf_days=days, updated_at=world.instant)
    return transaction


def pack(world: World, transaction: Transaction, item: Key) -> None:
    """Say how many pieces of a material a box holds, from long ago on; orders may be in boxes from then on."""
    new_packaging(world, transaction, item, names.BOX, 10, _LONG_AGO)
    world.pools["packed"].add(item)


def packaging_changed(world: World) -> Transaction | None:
    """From today on a box holds another number of pieces: the period of before ends, the next one begins."""
    item = world.pools["packed"].pick(world.rng)
    periods = [row for row in world.rows[PACKAGING].values() if row["FItemID"] == item[0]]
    last = max(periods, key=lambda row: row["FID"])
    if last["FEffectDate"] >= world.midnight:
        return None
    transaction = Transaction("erp", "packaging changed")
    world.update(transaction, PACKAGING, (last["FID"],), FExpireDate=world.midnight)
    content = world.rng.choice((8, 12, 20, 24))
    new_packaging(world, transaction, item, names.BOX, content, world.midnight)
    return transaction


def material_changed(world: World) -> Transaction:
    """A material gets another specification, price, registration or state."""
    transaction = Transaction("erp", "material changed")
    pool = world.pools[item_pool(world.rng.choice(_MIX))]
    changes = world.rng.choice(
        (
            {"FModel": f"{world.rng.choice('ABCDEFGH')}-{world.rng.randint(100, 999)}"},
            {"FPlanPrice": world.amount(1, 9000, 4)},
            {"F_REGNO": f"国械注准2026{world.rng.randint(1000000, 9999999)}"},
            {"FDeleted": world.rng.choice((0, 1)), "FLastCheckDate": world.midnight},
        )
    )
    world.update(transaction, ITEM, pool.pick(world.rng), **changes)
    return transaction


def customer_created(world: World) -> Transaction:
    """A new customer."""
    transaction = Transaction("erp", "customer created")
    key = new_customer(world, transaction)
    world.probe(transaction, "party", world.row(CUSTOMER, *key)["FNumber"])
    world.settle("customer", key)
    return transaction


def customer_changed(world: World) -> Transaction:
    """A customer moves, or the contact changes."""
    transaction = Transaction("erp", "customer changed")
    changes = world.rng.choice(
        (
            {"FContact": person(world), "FPhone": f"010-{world.rng.randint(10000000, 99999999)}"},
            {"FAddress": f"{world.rng.choice(names.PLACES)}市建设路{world.rng.randint(1, 999)}号"},
            {"FCountry": world.rng.choice(names.COUNTRIES)},
        )
    )
    world.update(transaction, CUSTOMER, world.pools["customer"].pick(world.rng), **changes)
    return transaction


def supplier_created(world: World) -> Transaction:
    """A new supplier."""
    transaction = Transaction("erp", "supplier created")
    world.settle("supplier", new_supplier(world, transaction))
    return transaction


def supplier_changed(world: World) -> Transaction:
    """A supplier's licence is renewed."""
    transaction = Transaction("erp", "supplier changed")
    key = world.pools["supplier"].pick(world.rng)
    licence = f"沪食药监械经营许{world.rng.randint(20260000, 20269999)}号"
    world.update(transaction, SUPPLIER, key, FLicence=licence, FLicenceTo=world.now.date().replace(year=2031))
    return transaction


def stock_changed(world: World) -> Transaction:
    """A branch's stock gets another number: movements that name it follow."""
    transaction = Transaction("erp", "stock changed")
    row = world.row(STOCK, world.rng.choice((8, 9, 10)))
    world.update(transaction, STOCK, (row["FItemID"],), FNumber=f"09.{world.number('stock'):03d}")
    return transaction
