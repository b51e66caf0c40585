"""Dictionaries put in force one after the other, at random moments of random streams, against D from scratch."""

from __future__ import annotations

import random

import psycopg
import pytest

from cdc.activate import build
from cdc.activate.activation import Activation
from cdc.errors import TransientError
from cdc.store.migrate import migrate
from tests.contract.activation_world import Played


@pytest.fixture(scope="module")
def dsn(module_dsn: str) -> str:
    with psycopg.connect(module_dsn) as connection:
        migrate(connection)
    return module_dsn


# Random domains: of one table for a mapping, of several, with folds, with rows that are valid for a time.
QUICK = (3, 12, 41, 62, 85)
SEEDS = [pytest.param(seed, marks=[] if seed in QUICK else pytest.mark.slow) for seed in range(92)]


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_in_force_is_what_the_model_says(dsn: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "ROWS", 2)
    played = Played(dsn, seed)
    pick = played.pick
    try:
        played.turn()
        assert played.found() == played.expected()
        for _ in range(3):
            activate(played, pick)
            for _ in range(pick.choice((0, 1, 2))):
                played.land_some()
                played.turn()
                assert played.found() == played.expected()
    finally:
        played.close()


def activate(played: Played, pick: random.Random) -> None:
    """Put the other version in force; anything happens between its steps, also its end."""
    activation = begun(played)
    steps = activation.build()
    while next(steps, None) is not None:
        meanwhile(played, pick)
        if pick.random() < 0.15:  # killed, perhaps together with the target
            activation.end()
            if pick.random() < 0.5:
                played.forget_unlogged()
            activation = begun(played)
            steps = activation.build()
    activation.follow()
    meanwhile(played, pick)
    difference = activation.compare()
    meanwhile(played, pick)
    if pick.random() < 0.2:
        activation.end()
        activation = begun(played)
        assert list(activation.build()) == []
    activation.swap()
    activation.finish()
    activation.end()
    if played.sessions:  # a worker that does not know yet
        with pytest.raises(TransientError, match="DRV-110"):
            played.turn()
    played.put_in_force()
    assert played.found() == played.expected()
    for table in difference.tables:
        assert table.rows_after - table.rows_before == table.added - table.removed


def begun(played: Played) -> Activation:
    activation = played.activation()
    activation.prepare()
    return activation


def meanwhile(played: Played, pick: random.Random) -> None:
    if pick.random() < 0.5:
        played.land_some()
    if pick.random() < 0.4:
        played.turn()
        assert played.found() == played.expected()
