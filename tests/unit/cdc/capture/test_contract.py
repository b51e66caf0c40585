"""A contract is a file, and people edit files: what it cannot be is said with a code before anything is made of it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cdc.capture.contract import Contract, Ignored, from_document, read_contracts, to_document, to_yaml
from cdc.errors import FatalError
from tests.corpus.corpus import HERE, contract

SPECIMEN = yaml.safe_load((HERE / "specimen.yaml").read_text())
BAD = yaml.safe_load((HERE / "contracts.yaml").read_text())


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the good contract with entries replaced; those that become None are taken out."""
    document = copy.deepcopy(SPECIMEN)
    for path, value in changes.items():
        *outer, last = path.split(".")
        place: Any = document
        for step in outer:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is None and not outer:
            del place[last]
        else:
            place[int(last) if last.isdigit() else last] = value
    return document


@pytest.mark.parametrize("name", BAD)
def test_a_contract_that_nothing_can_be_made_of_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "specimen.yaml").write_text(yaml.safe_dump(changed(BAD[name]), allow_unicode=True), encoding="utf-8")
    with pytest.raises(FatalError, match=r"SRC-102 .*specimen\.yaml"):
        read_contracts(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"\x00",
        b"[]",
        b"mirror: [",
        b"mirror: src.a\nmirror: src.b\n",
        b"mirror: 2024-99-99",
        b"mirror: !!python/object/apply:os.getcwd []",
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_contract_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "specimen.yaml").write_bytes(text)
    with pytest.raises(FatalError, match=r"SRC-102 .*specimen\.yaml"):
        read_contracts(tmp_path)


def test_a_contract_comes_back_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "specimen.yaml").write_text(to_yaml(contract()), encoding="utf-8")
    assert read_contracts(tmp_path) == (contract(),)


def test_what_landing_has_decided_is_kept_with_the_contract_in_force() -> None:
    ignored = (Ignored("late", "2026-01-02T03:04:05+00:00", 7, 9), Ignored("later", "2026-01-02T03:04:06+00:00", 8))
    decided = replace(contract(), ignored=ignored, accepted=(("last", "date has come"),))
    assert from_document(to_document(decided), "x") == decided
    assert decided.skipped[-2:] == ("late", "later")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["src.specimen", "id", "int"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "type", "x"]), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from([*SPECIMEN, "omitted", "dropped", "announced", "announced_at", "published", "relation"]), VALUES
    )
)
def test_whatever_stands_in_a_contract_is_a_contract_or_refused(changes: dict[str, Any]) -> None:
    try:
        found = from_document({**SPECIMEN, **changes}, "specimen.yaml")
    except FatalError as error:
        assert error.code == "SRC-102"  # noqa: PT017 - both ways are right
        return
    assert isinstance(found, Contract)
    assert from_document(to_document(found), "specimen.yaml") == found
