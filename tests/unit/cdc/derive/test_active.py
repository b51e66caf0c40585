"""A version that the target has kept is derived by as it was, or its code says why not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cdc.derive.active import from_content
from cdc.errors import FatalError, catalogue
from tests.unit.transforms.attack.base import write
from tests.unit.transforms.conftest import SMALL
from transforms.load import load
from transforms.yaml import document

MAPPING = "mappings/erp.parts.yaml"


def digest_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize("text", ["\\x81@", "a\\x7f", "a\\u202eb", "a\\ufffeb", "a\\Nb", "a\\Lb", "\\ufeffa"])
def test_what_a_check_accepts_can_be_put_in_force(tmp_path: Path, text: str) -> None:
    named = SMALL[MAPPING].replace("name: good", f'name: "{text}"')
    dictionary = load(write(tmp_path, {**SMALL, MAPPING: named}))
    kept = from_content(dictionary.content, dictionary.digest)
    assert (kept.digest, kept.content) == (dictionary.digest, dictionary.content)
    assert [one.examples for one in kept.mappings] == [one.examples for one in dictionary.mappings]


@pytest.mark.parametrize("count", [1_000, pytest.param(21_000, marks=pytest.mark.slow)])
def test_a_large_code_set_that_a_check_accepts_can_be_put_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    more = "".join(f"  - {{system: erp, code: D{number:06}, to: ON}}\n" for number in range(count))
    codes = SMALL["codesets/state.yaml"].replace("unmapped:", f"{more}unmapped:")
    if count < 21_000:  # as near to the limit as so many are to the real one
        monkeypatch.setattr(document, "MAX_CHARACTERS", document.MAX_CHARACTERS * count // 21_000)
    dictionary = load(write(tmp_path, {**SMALL, "codesets/state.yaml": codes}))
    assert from_content(dictionary.content, dictionary.digest).codesets == dictionary.codesets


def test_what_this_release_does_not_read_has_a_code_with_a_way_out(tmp_path: Path) -> None:
    content = load(write(tmp_path, SMALL)).content.replace('"key":', '"kee":')
    with pytest.raises(FatalError, match=r"(?s)DRV-117.*mappings/erp\.parts\.yaml:1:1 DIC-103 unknown key `kee`"):
        from_content(content, digest_of(content))
    assert "cdc dictionary activate FOLDER" in catalogue()["DRV-117"].action


def test_content_that_is_not_that_of_its_digest_is_not_read(tmp_path: Path) -> None:
    dictionary = load(write(tmp_path, SMALL))
    with pytest.raises(FatalError, match="DRV-111"):
        from_content(dictionary.content.replace("trace.part", "trace.parts"), dictionary.digest)
