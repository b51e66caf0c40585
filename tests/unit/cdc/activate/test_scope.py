"""What an activation derives anew: what the dependency index names, what a refusal spreads to, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

from cdc.activate.edition import Change, Edition, Scope, scope_of
from transforms.load import PACKAGED, load


def scope(tmp_path: Path, file: str, old: str, new: str) -> Scope:
    """Return what one edit of the packaged dictionary asks for."""
    folder = tmp_path / "dictionary"
    shutil.copytree(PACKAGED, folder)
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    before, after = load(), load(folder)
    return scope_of(Edition.of(after), Change.between(before, after))


def referring_to(table: str) -> set[str]:
    """Return the tables that refer to one, directly or not, by required references."""
    filled = Edition.of(load()).filled()
    found, before = {table}, 0
    while len(found) != before:
        before = len(found)
        for name, target in filled.items():
            parents = {f"{one.schema}.{one.table}" for one in target.references if one.required}
            found |= {name} if parents & found else set()
    return found


def test_a_synonym_concerns_the_tables_that_use_its_code_and_what_refers_to_them(tmp_path: Path) -> None:
    found = scope(
        tmp_path,
        "codesets/country.yaml",
        "synonyms:\n",
        'synonyms:\n  - {system: erp, code: "英国", to: US}\n',
    )
    assert "trace.party" in found.swapped
    assert {*found.swapped} == referring_to("trace.party")
    assert set(found.swapped) < Edition.of(load()).filled().keys()


def test_words_concern_no_table(tmp_path: Path) -> None:
    found = scope(tmp_path, "codesets/country.yaml", "en: Germany", "en: Federal Republic")
    assert found == Scope(found.domain, ())
    assert found.domain.mappings == ()
