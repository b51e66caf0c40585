"""Keys that are personal: what names a row that is wrong does not say whose it is, but to who says why he looks."""

from __future__ import annotations

import dataclasses

import pytest

from cdc.protect.mask import Masks
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.deployment import Deployment
from tests.contract.cdc.land.stage import Stage

LOOK = ("--reveal", "--reason", "complaint 7")


@pytest.fixture(autouse=True)
def personal_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of two mirrors are made into something personal."""
    by_dictionary = Masks.of

    def of(*said: object) -> Masks:
        found = by_dictionary(*said)  # type: ignore[arg-type]
        return dataclasses.replace(found, hidden=found.hidden | {"src.item.id", "erp.t_Organization.FItemID"})

    monkeypatch.setattr(Masks, "of", of)


def test_a_mirror_row_that_is_wrong_is_named_by_its_masked_key(cdc: Cdc, small: Stage) -> None:
    small.do("DELETE FROM src.item")
    for words, key in (((), "***"), (LOOK, "1")):
        done = cdc("audit", "mirrors", "src", "--json", *words)
        assert (done.code, [one["key"] for one in done.document["faults"]]) == (3, [[key]]), done.err
        (line,) = [line for line in cdc("audit", "mirrors", "src", *words).lines if "is not there" in line]
        assert line[1] == key
    query = "SELECT DISTINCT action, object, reason FROM cdc.operator_action WHERE right(action, 6) = 'reveal'"
    assert small.query(query) == [("audit mirrors --reveal", "src", "complaint 7")]
    assert cdc("audit", "mirrors", "src", "--reveal").code == 2


def test_a_row_that_the_ledger_misses_is_named_by_its_masked_key(cdc: Cdc, running: Deployment) -> None:
    assert not [one for one in cdc("ledger", "check", "--json").document["mappings"] if one["fault"]]
    for damage, told, own in (
        ("DELETE FROM trace_contribution.party", "row {} of erp.t_Organization is neither derived nor held", "1"),
        ('DELETE FROM erp."t_Organization" WHERE "FItemID" = 2', "held row {} has no row in erp.t_Organization", "2"),
    ):
        running.sources.connection.execute(damage.encode())
        for words, key in (((), "***"), (LOOK, own)):
            done = cdc("ledger", "check", "--json", *words)
            faults = [one["fault"] for one in done.document["mappings"] if one["fault"]]
            assert (done.code, faults) == (3, [told.format(key)]), done.err
            assert told.format(key) in cdc("ledger", "check", *words).err
    assert cdc("ledger", "check", "--reveal").code == 2
