"""The JSON Schema of the files against the readers: neither knows a key or a word that the other does not."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from compose.local.env import REPO
from transforms.errors import Fault, Faults
from transforms.load import PACKAGED, read
from transforms.review.schema import KINDS, schema_of
from transforms.yaml.document import parse_document, plain_tree
from transforms.yaml.shape import Anything, Either, Many, Named, Shape, Text, Value

EVERY_KEY = Path(__file__).parent / "every_key"
FILES = sorted(path for folder in (PACKAGED, EVERY_KEY, REPO / "compose/dictionary") for path in folder.rglob("*.yaml"))
HEADER = {"dictionary": "d", "version": "1", "status": "draft", "extends": "e", "without": ["units"], "author": "a"}


class _Editor(yaml.SafeLoader):
    """YAML 1.2 as editors read it: no dates, no `yes`, no octal 010."""


_Editor.yaml_implicit_resolvers = {}
for tag, form, first in (
    ("tag:yaml.org,2002:null", r"|null|Null|NULL|~", ["", "n", "N", "~"]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("tag:yaml.org,2002:float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Editor.add_implicit_resolver(tag, re.compile(f"^(?:{form})$"), first)


def kind_of(path: Path) -> str:
    file = path.name if path.parent.name not in ("codesets", "sources", "mappings", "folds") else ""
    file = file or f"{path.parent.name}/{path.name}"
    return next(kind for kind, what in KINDS.items() if fnmatch(file, what.files))


def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_a_schema(kind: str) -> None:
    Draft202012Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_that_loads_is_valid(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    as_written = plain_tree(parse_document(path.name, text, Faults()))  # type: ignore[arg-type] # it is YAML
    in_an_editor = yaml.load(text, _Editor)
    for document in (as_written, in_an_editor):
        assert [error.message for error in validator(kind_of(path)).iter_errors(document)] == []


def test_every_kind_of_file_is_among_them() -> None:
    assert {kind_of(path) for path in FILES} == set(KINDS)


def tables(value: Value, node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Shape, tuple[Any, ...]]]:
    """Yield every table of a document whose keys are the language's: its shape, and the way to it."""
    if isinstance(value, Either):
        yield from tables(next(one for one in value.of if _fits(one, node)), node, way)
    elif isinstance(value, Shape):
        yield value, way
        yield from (found for key in node for found in tables(value.keys[key], node[key], (*way, key)))
    elif isinstance(value, Named):
        yield from (found for key in node for found in tables(value.of, node[key], (*way, key)))
    elif isinstance(value, Many):
        yield from (found for place, one in enumerate(node) for found in tables(value.of, one, (*way, place)))


def _fits(value: Value, node: Any) -> bool:
    if isinstance(value, Shape):
        return isinstance(node, dict) and value.required.keys() <= node.keys() <= value.keys.keys()
    kinds = {Text: (str, type(None)), Anything: object, Many: list, Named: dict}
    return isinstance(node, kinds[type(value)])


def shapes(value: Value) -> Iterator[Shape]:
    """Yield every shape that a document of this one can have in it."""
    if isinstance(value, Shape):
        yield value
        yield from (found for inner in value.keys.values() for found in shapes(inner))
    elif isinstance(value, Either):
        yield from (found for inner in value.of for found in shapes(inner))
    elif isinstance(value, (Many, Named)):
        yield from shapes(value.of)


def document(path: Path) -> Any:
    node = parse_document(path.name, path.read_text(encoding="utf-8"), Faults())
    assert node is not None
    return plain_tree(node)


def inside(tree: Any, way: tuple[Any, ...]) -> Any:
    return reduce(lambda found, step: found[step], way, tree)


OWN = [path for path in FILES if path.is_relative_to(EVERY_KEY)]
PLACES = [(path, shape, way) for path in OWN for shape, way in tables(KINDS[kind_of(path)].shape, document(path))]


def test_every_key_of_every_kind_of_file_stands_in_a_file_that_loads() -> None:
    """So whatever the schema has the readers take: a key that only the shapes knew would be a fault there."""
    _, faults = read(EVERY_KEY)
    assert faults == []
    assert validator("dictionary").is_valid(HEADER)
    used: dict[int, set[str]] = {id(KINDS["dictionary"].shape): set(HEADER)}
    for path in FILES:
        tree = document(path)
        for shape, way in tables(KINDS[kind_of(path)].shape, tree):
            used.setdefault(id(shape), set()).update(inside(tree, way))
    for kind in KINDS.values():
        for shape in shapes(kind.shape):
            assert used.get(id(shape), set()) == shape.keys.keys()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(EVERY_KEY, tmp_path_factory.mktemp("schema") / "dictionary"))
    shutil.copy(PACKAGED / "errors.yaml", folder)
    return folder


def verdicts(folder: Path, path: Path, tree: Any) -> tuple[bool, list[Fault]]:
    """Return whether the schema takes the document in place of the file, and the readers' faults of it."""
    place = folder / path.relative_to(EVERY_KEY)
    kept = place.read_bytes()
    place.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    try:
        _, faults = read(folder)
    finally:
        place.write_bytes(kept)
    return validator(kind_of(path)).is_valid(tree), faults


# What the schema cannot see is which columns of a fold are its key, and need no `take`.
NEEDING = [place for place in PLACES if (kind_of(place[0]), place[2][:1]) != ("fold", ("columns",))]


def words(part: Any) -> str:
    return "/".join(map(str, part)) if isinstance(part, tuple) else ""


@pytest.mark.parametrize(("path", "shape", "way"), NEEDING, ids=words)
def test_without_a_required_key_both_refuse(path: Path, shape: Shape, way: tuple[Any, ...], scratch: Path) -> None:
    for key in shape.required:
        tree = document(path)
        del inside(tree, way)[key]
        taken, faults = verdicts(scratch, path, tree)
        assert not taken
        assert any(fault.code == "DIC-104" and f"`{key}` is missing" in fault.message for fault in faults)


LANGUAGE = sorted({key for kind in KINDS.values() for shape in shapes(kind.shape) for key in shape.keys})
KEYS = st.sampled_from(LANGUAGE) | st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1)


@given(place=st.sampled_from(PLACES), key=KEYS)
@settings(deadline=None, max_examples=50)
def test_a_key_is_known_to_both_or_to_none(place: tuple[Path, Shape, tuple[Any, ...]], key: str, scratch: Path) -> None:
    path, shape, way = place
    tree = document(path)
    table = inside(tree, way)
    table[key] = table.get(key, "x")
    taken, faults = verdicts(scratch, path, tree)
    unknown = any(fault.code == "DIC-103" and f"unknown key `{key}`" in fault.message for fault in faults)
    assert unknown == (key not in shape.keys)
    assert not (taken and unknown)


WORDED = [
    (path, way, key)
    for path, shape, way in PLACES
    for key, value in shape.keys.items()
    if isinstance(value, Text) and (value.words or value.form)
]


def test_a_word_that_is_none_of_the_language_both_refuse(scratch: Path) -> None:
    assert len(WORDED) > 10
    for path, way, key in WORDED:
        tree = document(path)
        inside(tree, way)[key] = "none such"
        taken, faults = verdicts(scratch, path, tree)
        assert not taken
        assert faults, (way, key)


def test_one_of_two_ways_to_say_it_is_wanted(scratch: Path) -> None:
    for path, shape, way in PLACES:
        if shape.one_of:
            tree = document(path)
            table = inside(tree, way)
            for key in shape.one_of:
                table.pop(key, None)
            taken, faults = verdicts(scratch, path, tree)
            assert not taken
            assert faults


def test_the_readme_sets_up_every_schema() -> None:
    text = (REPO / "transforms" / "README.md").read_text(encoding="utf-8")
    block = next(block for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if "yaml.schemas" in block)
    wanted = {f"./schemas/{kind}.schema.json": f"dictionary/{what.files}" for kind, what in KINDS.items()}
    assert json.loads(block)["yaml.schemas"] == wanted
