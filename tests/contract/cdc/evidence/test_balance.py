"""The rows of a mirror, by what became of them: in random domains, whatever has landed and been derived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cdc.derive.plan import Step
from cdc.evidence.balance import Balance, read_balances
from tests.contract.cdc.test_derive_model import Bench, opened
from tests.contract.derive_model import World, evaluate
from tests.contract.derive_world import Landing

CASES = 3


@pytest.fixture(scope="module", params=range(0, 106, 25))
def bench(module_dsn: str, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with opened(module_dsn, request.param) as made:
        yield made


def balances(bench: Bench) -> dict[str, Balance]:
    return {one.mapping: one for one in read_balances(bench.landing, bench.plan, lambda _, key: key)}


def test_every_row_is_accounted_for_at_every_cut(bench: Bench) -> None:
    for case in range(CASES):
        bench.restart()
        bench.reset(anew=True)
        landing = Landing(bench.schema, case, bench.watched)
        bench.landing.execute(landing.fill().encode())
        for _ in range(3):
            bench.turn(lambda _: None)
            require_derived(bench, landing.world)
            bench.landing.execute(landing.land().encode())
            require_sums(bench)


def require_derived(bench: Bench, world: World) -> None:
    """Nothing waits after a turn, and what is held and derived is what the model says."""
    require_sums(bench)
    outcome = evaluate(bench.schema.mappings, world, bench.schema.folds)
    derived = {(row.mapping, row.source_key) for rows in outcome.canonical.values() for row in rows}
    found = balances(bench)
    for step in plain(bench):
        name = step.mapping.name
        live = {(name, key) for key in world.live[step.source.ref]}
        held = live & outcome.held.keys()
        assert (found[name].rows, found[name].waiting, found[name].held) == (len(live), 0, len(held))
        if not step.contributions:
            assert found[name].derived == len((live & derived) - held)


def require_sums(bench: Bench) -> None:
    for one in balances(bench).values():
        assert one.fault is None, one
        assert one.rows == one.derived + one.held + one.filtered + one.waiting
        assert min(one.derived, one.held, one.filtered, one.waiting) >= 0


def plain(bench: Bench) -> list[Step]:
    """Return the mappings of rows; versions of rows are counted by the change mirror."""
    return [step for step in bench.plan.steps if not step.is_history]


def test_a_row_that_is_derived_of_nothing_is_named(bench: Bench) -> None:
    bench.restart()
    bench.reset(anew=True)
    landing = Landing(bench.schema, 1, bench.watched)
    bench.landing.execute(landing.fill().encode())
    bench.turn(lambda _: None)
    for step in plain(bench):
        before = balances(bench)[step.mapping.name]
        if before.derived + before.held == 0:
            continue
        with bench.landing.transaction(force_rollback=True):
            for image in step.source.images:
                bench.landing.execute(f"DELETE FROM {image}".encode())
            fault = balances(bench)[step.mapping.name].fault
            assert fault is not None, step.mapping.name
            assert f"has no row in {step.source.ref}" in fault
