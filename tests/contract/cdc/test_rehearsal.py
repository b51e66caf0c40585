"""A rehearsal says what deriving rows anew would change, changes nothing, and leaves out what the next turn does."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from cdc.derive.rehearsal import HELD, Difference, Rehearsal
from cdc.errors import FatalError
from tests.contract.cdc.test_derive_model import Bench, opened
from tests.contract.derive_world import Landing

Named = tuple[str, tuple[str, ...]]


@pytest.fixture(scope="module", params=range(0, 106, 25))
def bench(module_dsn: str, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with opened(module_dsn, request.param) as made:
        yield made


@pytest.fixture
def landing(bench: Bench) -> Landing:
    """A domain that has landed and been derived."""
    bench.restart()
    bench.reset(anew=True)
    landing = Landing(bench.schema, 5, bench.watched)
    bench.landing.execute(landing.fill().encode())
    bench.turn(lambda _: None)
    return landing


@pytest.fixture
def rehearsal(bench: Bench, landing: Landing) -> Iterator[Rehearsal]:
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        yield Rehearsal(connection, bench.plan)


def everything(bench: Bench, landing: Landing) -> list[Named]:
    """Return all source rows, and all keys of folds, of which anything is known."""
    images = [*landing.world.live.items(), *landing.world.deleted.items()]
    rows = {
        (step.mapping.name, key)
        for step in bench.plan.steps
        if not step.is_history
        for ref, known in images
        if ref == step.source.ref
        for key in known
    }
    for merge in bench.plan.merges:
        found = bench.landing.execute(f"SELECT _source_key FROM {merge.fill.canonical}".encode()).fetchall()
        rows |= {(str(merge.fold), tuple(key)) for (key,) in found}
    return sorted(rows)


def tables(found: list[Difference]) -> set[str]:
    return {one.table for one in found}


def test_what_is_right_differs_in_nothing_whatever_else_has_landed(
    bench: Bench, landing: Landing, rehearsal: Rehearsal
) -> None:
    assert rehearsal.differences(everything(bench, landing)) == []
    for _ in range(3):
        bench.landing.execute(landing.land().encode())
        before = bench.found()
        assert rehearsal.differences(everything(bench, landing)) == []
        assert bench.found() == before
    bench.turn(lambda _: None)


def test_what_somebody_changed_is_named_and_a_turn_makes_it_what_was_said(
    bench: Bench, landing: Landing, rehearsal: Rehearsal
) -> None:
    bench.landing.execute(landing.land().encode())  # not derived yet
    bench.turn(lambda _: None)
    right = bench.found()
    for fill in bench.plan.fills:
        rows = bench.landing.execute(
            f"SELECT _mapping, _source_key FROM {fill.canonical} ORDER BY 2".encode()
        ).fetchall()
        if not rows:
            continue
        mapping, key = rows[0]
        spoil = f"UPDATE {fill.canonical} SET _source_offset = -1 WHERE (_mapping, _source_key) = (%s, %s)"
        bench.landing.execute(spoil.encode(), (mapping, key))
        found = [one for one in rehearsal.differences([(mapping, tuple(key))]) if one.table == str(fill.target)]
        assert [(one.mapping, one.source_key) for one in found] == [(mapping, tuple(key))] * len(found)
        assert found
        assert all(dict(one.before or ())["_source_offset"] == "-1" for one in found if one.before)
        queue(bench, mapping, key)
        bench.turn(lambda _: None)
        assert bench.found() == right


def test_a_held_row_that_is_gone_is_missed(bench: Bench, landing: Landing, rehearsal: Rehearsal) -> None:
    row = bench.landing.execute("SELECT mapping, source_key, code FROM cdc.held ORDER BY 1, 2 LIMIT 1").fetchone()
    if row is None:
        assert HELD not in tables(rehearsal.differences(everything(bench, landing)))
        return
    mapping, key, code = row
    bench.landing.execute("DELETE FROM cdc.held WHERE (mapping, source_key) = (%s, %s)", (mapping, key))
    (found,) = [one for one in rehearsal.differences([(mapping, tuple(key))]) if one.table == HELD]
    assert (found.mapping, found.source_key, found.before) == (mapping, tuple(key), None)
    assert dict(found.after or ())["code"] == code


def test_a_domain_that_was_never_derived_by_this_dictionary(bench: Bench, rehearsal: Rehearsal) -> None:
    bench.landing.execute("UPDATE cdc.domain SET dictionary = 'other'")
    with pytest.raises(FatalError, match="DRV-122"):
        rehearsal.differences([])


def queue(bench: Bench, mapping: str, key: list[str]) -> None:
    bench.landing.execute(
        "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor) VALUES (%s, %s, 'audit', 'test')",
        (mapping, key),
    )
