"""The lane finds faults: workers with one built in are found out, each by what it does wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tests.faults.cell import Cell
from tests.faults.mutant import MUTANTS
from tests.faults.worker import until

PROGRAM = ("tests.faults.mutant",)
# Mutant of landing: where it has to be killed to show, and what then is said of it.
LANDING = {
    "position_before_rows": ("W5:3", "the ledger covers"),
    "position_after_rows": ("W8:3", "batches are not numbered"),
    "transactions_are_torn": ("", "ends inside of a source transaction"),
    "parts_are_committed": ("", "ends inside of a source transaction"),
    "deletes_are_dropped": ("", "north.lot: missing"),
    "deleted_rows_are_not_kept": ("", "deleted north.lot: missing"),
    "refused_changes_are_dropped": ("", "refused: 0 changes are kept"),
    "superseded_counts_as_filtered": ("", "'filtered'"),
    "journal_has_gaps": ("", "the journal has"),
    "deleted_keys_are_not_noted": ("", "trace.lot at"),
    "old_values_are_not_noted": ("", "trace.serial at"),
}
DERIVING = {
    "watermark_before_rows": ("D5:1", "trace.lot at"),
    "fewer_batches_than_visible": ("", "at ("),
    "statements_see_different_batches": ("", "at ("),
    "held_rows_are_not_listed": ("", "cdc.held at"),
}
# What CI tries: one for each kind of proof.
IN_CI = {"position_before_rows", "transactions_are_torn", "deletes_are_dropped", "journal_has_gaps"} | {
    "watermark_before_rows",
    "held_rows_are_not_listed",
}
# Found elsewhere, by a worker that is frozen.
FROZEN = {"nobody_is_fenced"}


def mutants(named: Iterable[str]) -> list[object]:
    """Return mutants as parameters of a test."""
    return [pytest.param(name, marks=[pytest.mark.slow] * (name not in IN_CI)) for name in named]


def test_every_mutant_is_tried() -> None:
    assert MUTANTS.keys() == LANDING.keys() | DERIVING.keys() | FROZEN


@pytest.mark.parametrize("name", mutants(LANDING))
def test_a_land_worker_with_a_fault_is_found_out(name: str, new_cell: Callable[..., Cell]) -> None:
    crash, said = LANDING[name]
    cell = new_cell()
    derive = cell.derive()
    if crash:
        cell.land(crash=crash, program=(*PROGRAM, name)).died()
    land = cell.land(program=(*PROGRAM, name))
    cell.require_found(said, land, derive)


@pytest.mark.parametrize("name", mutants(DERIVING))
def test_a_derive_worker_with_a_fault_is_found_out(name: str, new_cell: Callable[..., Cell]) -> None:
    crash, said = DERIVING[name]
    cell = new_cell()
    if crash:
        _derive_some_and_land_all(cell)
        cell.derive(crash=crash, program=(*PROGRAM, name)).died()
    land = cell.land()
    derive = cell.derive() if crash else cell.derive(program=(*PROGRAM, name))
    cell.require_found(said, land, derive)


def _derive_some_and_land_all(cell: Cell) -> None:
    """Leave a turn that loses rows for certain: it is not the first, and nothing that lands later writes them again."""
    cell.land(crash="W8:12").died()
    cell.derive(crash="D8:1").died()
    land = cell.land()
    until(lambda: cell.positions() == cell.ends(), "landed")
    land.stop()
