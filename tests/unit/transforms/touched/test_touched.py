"""What an edit is not said to touch comes out as before, whatever was edited: nothing else keeps old rows right.

An activation derives anew what `touched` names and leaves all else as it is (`cdc.activate.edition`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.transforms.attack.base import BASE, write
from tests.unit.transforms.touched.edit import Editor
from tests.unit.transforms.touched.gates import FILES
from tests.unit.transforms.touched.outcome import Outcomes, fold_shape, outcome, shape
from transforms.load import PACKAGED, read, read_content
from transforms.model import Dictionary
from transforms.review.dependency import FOLD
from transforms.review.difference import touched

ROWS = 60


class Subject:
    """A dictionary that is edited."""

    def __init__(self, folder: Path, rows: int = ROWS) -> None:
        dictionary, faults = read(folder)
        assert dictionary is not None, faults
        self.old = Outcomes(dictionary, rows)
        self.editor = Editor(dictionary.content)

    def try_edits(self, seeds: range) -> int:
        """Make edits; return how many of them loaded and were another version."""
        return sum(self._try(*self.editor.edit(seed)) for seed in seeds)

    def _try(self, told: str, content: str) -> bool:
        new, _ = read_content(content)
        if new is None or new.content == self.old.dictionary.content:
            return False
        assert sorted(stale(self.old, new)) == [], told
        return True

    def stale(self, file: str, was: str, now: str) -> set[str]:
        """Return what a replaced text leaves stale."""
        return set(stale(self.old, self._changed(file, was, now)))

    def named(self, file: str, was: str, now: str) -> set[str]:
        """Return the mappings that a replaced text is said to touch."""
        return {origin.mapping for origin in touched(self.old.dictionary, self._changed(file, was, now))}

    def _changed(self, file: str, was: str, now: str) -> Dictionary:
        trees = json.loads(self.old.dictionary.content)
        text = json.dumps(trees[file], ensure_ascii=False)
        assert was in text, text
        new, faults = read_content(json.dumps({**trees, file: json.loads(text.replace(was, now))}, ensure_ascii=False))
        assert new is not None, faults
        return new


def stale(old: Outcomes, new: Dictionary) -> Iterator[str]:
    """Yield the mappings and folds that come out otherwise, although nothing says so."""
    found = touched(old.dictionary, new)
    named = {origin.mapping for origin in found}
    before = {mapping.name: mapping for mapping in old.dictionary.mappings}
    for mapping in new.mappings:
        if mapping.name not in named:
            same = mapping.name in before and shape(before[mapping.name]) == shape(mapping)
            if not same or any(outcome(mapping, row) != came for row, came in old.rows[mapping.name]):
                yield mapping.name
    folded = {origin.table for origin in found if origin.mapping == FOLD}
    folds = {str(fold): fold_shape(fold) for fold in old.dictionary.folds}
    yield from (str(fold) for fold in new.folds if str(fold) not in folded and fold_shape(fold) != folds.get(str(fold)))


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return Subject(write(tmp_path_factory.mktemp("gates"), FILES))


SYNONYM = '{"system": "erp", "code": "2", "to": "OFF"}'
UNIT_GATES = {f"erp.{name}" for name in ("where_unit", "when_unit", "check_unit", "explode_unused", "order")}
UNITS = {*UNIT_GATES, "erp.measured", "erp.unpacked"}
GATE = "mappings/erp.gate.yaml"
MISSING = ', "missing": "REF-301"'


@pytest.mark.parametrize(
    ("file", "was", "now", "named"),
    [
        # Another kind of a code: whoever can raise it, as a refusal or as a warning.
        ("errors.yaml", '"QC-W01": {"kind": "warning"', '"QC-W01": {"kind": "row"', {"erp.check_warns"}),
        ("errors.yaml", '"LOT-W01": {"kind": "warning"', '"LOT-W01": {"kind": "row"', {"erp.field_warns"}),
        ("errors.yaml", '"QC-102": {"kind": "row"', '"QC-102": {"kind": "warning"', {"erp.check_unit"}),
        # A code set that only CODE names.
        (
            "codesets/flag.yaml",
            SYNONYM,
            SYNONYM.replace("OFF", "ON"),
            {"erp.where_code", "erp.when_code", "erp.explode_skip"},
        ),
        # A look-up of which no column is used.
        (GATE, MISSING, "", {"erp.gate"}),
        (GATE, '"table": "erp.tops"', '"table": "erp.roots"', {"erp.gate"}),
        (GATE, "top.id = no", "top.id = no AND top.root = u", {"erp.gate"}),
        ("mappings/erp.gate_valid.yaml", '"from": "since"', '"from": "till"', {"erp.gate_valid"}),
        ("mappings/erp.gate_silent.yaml", '"till": "date"}', '"till": "date"}' + MISSING, {"erp.gate_silent"}),
        ("mappings/erp.plain.yaml", '"target":', '"lookups": {"top": {"table": "erp.tops", "match": "top.id = no", '
         '"columns": {"id": "text"}}}, "target":', {"erp.plain"}),
        # What a unit is worth, used to decide and not to be stored.
        ("units.yaml", "254/10000", "255/10000", UNITS | {"erp.where_let", "mes.measured", "erp.unit"}),
        # A name for a unit, of whatever dimension.
        ("units.yaml", '"PCS": "C62"', '"PCS": "C62", "kelvin": "CEL"', UNITS | {"erp.where_let", "erp.unit"}),
        ("units.yaml", '"PCS": "C62"', '"PCS": "CEL"', UNITS | {"erp.where_let", "erp.unit"}),
    ],
)  # fmt: skip
def test_what_nothing_is_stored_of_is_touched_and_no_more(gates, file, was, now, named):
    assert gates.stale(file, was, now) == set()
    assert gates.named(file, was, now) == named


def test_edits_of_what_is_used_in_one_place_alone(gates):
    assert gates.try_edits(range(50)) > 16


def test_edits_of_a_dictionary_that_has_one_of_everything(tmp_path):
    assert Subject(write(tmp_path, BASE)).try_edits(range(60)) > 20


def test_edits_of_the_packaged_dictionary():
    assert Subject(PACKAGED).try_edits(range(14)) > 3


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thousands_of_edits(tmp_path):
    for subject in (Subject(write(tmp_path / name, files), 500) for name, files in (("one", FILES), ("two", BASE))):
        subject.try_edits(range(6000))
    Subject(PACKAGED, 500).try_edits(range(4000))
