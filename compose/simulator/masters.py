"""Master data of the ERP: created, and changed now and then."""

from __future__ import annotations

from compose.simulator import names
from compose.simulator.erp import CUSTOMER, ITEM, STOCK, SUPPLIER, new_customer, new_item, new_supplier, person
from compose.simulator.transaction import Transaction
from compose.simulator.world import World

KINDS = ("raw", "component", "product", "consumable")
# Which kinds come up how often.
_MIX = ("raw", "component", "component", "product", "product", "consumable", "consumable")


def item_pool(kind: str) -> str:
    """Return the pool of sound materials of a kind."""
    return f"item.{kind}"


def material_created(world: World) -> Transaction:
    """A new material, on its own."""
    transaction = Transaction("erp", "material created")
    kind = world.rng.choice(_MIX)
    key = new_item(world, transaction, kind)
    world.probe(transaction, "material", world.row(ITEM, *key)["FNumber"])
    world.settle(item_pool(kind), key)
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
