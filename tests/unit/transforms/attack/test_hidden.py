"""No fault hides another one: what stands beside or under a wrong key of a file is read all the same."""

from __future__ import annotations

import re

import pytest

from tests.unit.transforms.attack.base import BASE, write
from transforms.load import read

# One fault deep in each kind of file: what stands there, and what somebody wrote instead.
DEEP = [
    ("dictionary.yaml", "status: draft", "status: drafty"),
    ("errors.yaml", "owner: o", "owner: [o]"),
    ("units.yaml", 'dimension: temperature, factor: "1"', 'dimension: temperature, factor: "x"'),
    ("fields.yaml", "type: integer", "type: integr"),
    ("codesets/state.yaml", 'code: "1", to: ON', 'code: "1", to: ONN'),
    ("sources/erp.yaml", "Asia/Shanghai", "Asia/Shang"),
    ("mappings/erp.insp.yaml", "rule: note <> ", "rule: nte <> "),
    ("mappings/erp.insp.yaml", "part: A, owner_id", "prt: A, owner_id"),
    ("mappings/erp.insp.yaml", 'much: "-1.500000"', 'much: "-2.500000"'),
    ("folds/trace.place.yaml", "state: last", "state: lst"),
]


def told(tmp_path, name: str, file: str, text: str) -> set[str]:
    """Return the faults of the folder with another text of one file, without their places."""
    _, faults = read(write(tmp_path / name, {**BASE, file: text}))
    return {f"{fault.place.file} {fault.code} {fault.message}" for fault in faults}


@pytest.mark.parametrize(("file", "good", "wrong"), DEEP, ids=[f"{file} {wrong}" for file, _, wrong in DEEP])
def test_a_wrong_key_at_the_top_of_a_file_hides_no_other_fault(tmp_path, file, good, wrong):
    assert good in BASE[file]
    text = BASE[file].replace(good, wrong, 1)
    alone = told(tmp_path, "alone", file, text)
    assert alone
    keys = re.findall("^([a-z_]+):", text, re.MULTILINE)
    assert keys or file == "errors.yaml"
    for key in keys:
        both = told(tmp_path, key, file, re.sub(f"^{key}:", f"{key}s:", text, count=1, flags=re.MULTILINE))
        assert f"{file} DIC-103 unknown key `{key}s`; did you mean `{key}`?" in both
        assert alone <= both
    if keys:
        both = told(tmp_path, "another", file, f"{text}zzz: x\n")
        assert both == {*alone, f"{file} DIC-103 unknown key `zzz`"}


def test_a_misspelt_key_is_the_only_fault_of_a_file_that_has_no_other(tmp_path):
    text = BASE["mappings/erp.insp.yaml"].replace("targets:", "target_s:")
    file = "mappings/erp.insp.yaml"
    assert told(tmp_path, "one", file, text) == {f"{file} DIC-103 unknown key `target_s`; did you mean `targets`?"}
