"""Read a dictionary folder into a `Dictionary`, or say everything that is wrong with it.

    dictionary.yaml     name, version, status; all else may be missing, errors.yaml is then the packaged one. With
                        `extends` the folder lies over the packaged dictionary (transforms.layer)
    errors.yaml         codes                         units.yaml       units and their aliases
    fields*.yaml        canonical fields              codesets/*.yaml  one code set a file
    sources/*.yaml      one source system a file      mappings/*.yaml  one mapping a file
    folds/*.yaml        one canonical table that several mappings contribute to a file

The digest is over the effective content of all layers as canonical JSON: comments, quotes and line breaks do not count,
the order of keys does (the first refusal in declared order wins).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from transforms.errors import DictionaryError, Fault, Faults, Place
from transforms.expression.branch import Branches
from transforms.mapping import Mapping
from transforms.model import Dictionary, Field
from transforms.reading.column import Vocabulary
from transforms.reading.fold import read_fold
from transforms.reading.fold_example import read_fold_examples
from transforms.reading.mapping import read_mapping, written_tables
from transforms.reading.reference import resolve_references
from transforms.vocabulary.catalogue import read_catalogue
from transforms.vocabulary.codes import read_code_set
from transforms.vocabulary.field import Terms, read_fields
from transforms.vocabulary.source import read_source
from transforms.vocabulary.unit import read_units
from transforms.yaml.document import Node, plain_tree
from transforms.yaml.files import Files
from transforms.yaml.folder import Folder, Layered
from transforms.yaml.kept import kept_files
from transforms.yaml.layer import Entry
from transforms.yaml.section import Section, read_section
from transforms.yaml.shape import Many, Shape, Text

PACKAGED = Path(__file__).parent / "dictionary"
HEADER = Shape(
    {
        "dictionary": Text("Name of the dictionary."),
        "version": Text("Version of the content, as people call it; the digest is what counts."),
        "status": Text("How far this version is.", words=("draft", "in_review", "approved", "retired")),
    },
    {
        "extends": Text("The packaged dictionary that this folder lies over, entry by entry."),
        "without": Many(Text("KIND or KIND/NAME"), "Entries of the packaged dictionary that are left out."),
        "author": Text(
            "Who wrote this version, as the signer that the settings name; somebody else has to approve it."
        ),
    },
    told="dictionary.yaml: name, version and status of a dictionary.",
)
EXAMPLE_FAILED = "DIC-142"
_OF_EXAMPLES = ("DIC-141", EXAMPLE_FAILED)

T = TypeVar("T")


def load(folder: Path | None = None, keys: Map[str, bytes] | None = None) -> Dictionary:
    """Load the dictionary in `folder` (None: the packaged one); raise `DictionaryError` with all faults at once.

    `keys`: those of TOKEN, by domain. A row that needs one which is not given raises `DictionaryError`, too (DIC-152).
    """
    return _usable(*read(folder), keys or {})


def load_content(content: str, keys: Map[str, bytes] | None = None) -> Dictionary:
    """Load a version of which the content has been kept (`Dictionary.content`), as `load` does its folder.

    It is the same dictionary, with the same digest. What this release reads otherwise raises `DictionaryError`.
    """
    return _usable(*read_content(content), keys or {})


def read(folder: Path | None = None, branches: Branches | None = None) -> tuple[Dictionary | None, list[Fault]]:
    """Read the dictionary in `folder` and all of its faults; `branches` counts the ways that its examples take.

    It comes in spite of faults only when all of them are examples that do not hold (DIC-142): whoever tests it wants to
    see the others run, too. Nothing may be derived by it then. TOKEN has the key of the examples.
    """
    faults = Faults()
    return _read(Folder(folder or PACKAGED, PACKAGED, faults), faults, branches)


def read_content(content: str) -> tuple[Dictionary | None, list[Fault]]:
    """Read a version of which the content has been kept, and all of its faults, as `read` does its folder."""
    faults = Faults()
    return _read(kept_files(content, faults), faults, None)


def _usable(dictionary: Dictionary | None, faults: list[Fault], keys: Map[str, bytes]) -> Dictionary:
    if faults or dictionary is None:
        raise DictionaryError(faults)
    dictionary.tokens.give(keys)
    return dictionary


def _read(files: Files, faults: Faults, branches: Branches | None) -> tuple[Dictionary | None, list[Fault]]:
    header = _read_header(files, faults)
    vocabulary = replace(_read_vocabulary(files, faults), branches=branches)
    found = _read_all(files, "folds", lambda node: read_fold(node, vocabulary, faults), "fold", faults)
    with_faults = {Path(file).stem: None for file, _ in files.matching("folds/*.yaml")}
    vocabulary = replace(vocabulary, folds={**with_faults, **{str(one.fold): one.fold for one in found.values()}})
    drafts = _read_all(files, "mappings", lambda node: read_mapping(node, vocabulary, faults), "mapping", faults)
    written = {table for _, node in files.matching("mappings/*.yaml") for table in written_tables(node)}
    mappings, folds = resolve_references(list(drafts.values()), list(found.values()), written, faults)
    _check_codes(mappings, vocabulary, faults)
    if _is_readable(faults):  # before, nobody knows who contributes what
        nodes = {name: one.section.items("examples") for name, one in found.items()}
        folds = tuple(read_fold_examples(fold, nodes[str(fold)], mappings, files.is_fixed, faults) for fold in folds)
    if header is None or not _is_readable(faults):
        return None, _without_consequences(faults.found, files.lower)
    content = _canonical({file: plain_tree(node) for file, node in files.documents()})
    dictionary = Dictionary(
        name=header.text("dictionary"),
        version=header.text("version"),
        status=header.text("status"),
        author=header.text("author"),
        digest=hashlib.sha256(content.encode()).hexdigest(),
        content=content,
        fields=vocabulary.fields,
        codesets=vocabulary.codesets,
        units=vocabulary.units,
        sources=vocabulary.sources,
        errors=vocabulary.errors,
        mappings=mappings,
        folds=folds,
        tokens=vocabulary.tokens,
    )
    return dictionary, faults.found


def _is_readable(faults: Faults) -> bool:
    """Whether nothing is wrong but examples that do not hold."""
    return all(fault.code == EXAMPLE_FAILED for fault in faults.found)


def _without_consequences(faults: list[Fault], lower: str) -> list[Fault]:
    """Leave out which examples of the layer below do not hold, where files that somebody can edit have faults."""
    below = [fault for fault in faults if lower and fault.place.file.startswith(lower)]
    if len(below) == len(faults):
        return faults
    return [fault for fault in faults if not (fault.code in _OF_EXAMPLES and fault in below)]


def read_layers(folder: Path | None = None) -> tuple[list[Layered], list[Entry]]:
    """Return every entry with the layer it comes from, and the entries that are left out.

    Raises `DictionaryError` when the files are not readable or the layers do not fit.
    """
    faults = Faults()
    files = Folder(folder or PACKAGED, PACKAGED, faults)
    _read_header(files, faults)
    if faults.found:
        raise DictionaryError(faults.found)
    return files.layered(), files.left_out()


def _read_header(files: Files, faults: Faults) -> Section | None:
    node = files.one("dictionary.yaml")
    section = read_section(node, faults, HEADER) if node else None
    if section:
        section.choice("status")
        section.text("dictionary"), section.text("version"), section.text("extends"), section.texts("without")
    return section


def _read_vocabulary(files: Files, faults: Faults) -> Vocabulary:
    catalogue, table = files.optional("errors.yaml"), files.optional("units.yaml")
    errors = read_catalogue(catalogue, faults) if catalogue else {}
    systems = {Path(file).stem for file, _ in files.matching("sources/*.yaml")}
    units, aliases = read_units(table, systems, faults) if table else ({}, {})
    sources = _read_all(files, "sources", lambda node: read_source(node, aliases, faults), "source", faults)
    codesets = _read_all(
        files, "codesets", lambda node: read_code_set(node, errors, sources, faults), "code_set", faults
    )
    fields = _read_fields(files, Terms(codesets, units, errors), faults)
    return Vocabulary(fields, codesets, units, sources, errors)


def _check_codes(mappings: tuple[Mapping, ...], vocabulary: Vocabulary, faults: Faults) -> None:
    """Whatever a mapping can refuse a row with must be explained in the catalogue."""
    # A code set without `unmapped` has its fault already, and no code.
    codes = {mapping.name: mapping.codes | _later_codes(mapping) for mapping in mappings}
    for code in sorted(set().union(*codes.values()) - vocabulary.errors.keys() - {""}):
        users = ", ".join(name for name, own in codes.items() if code in own)
        faults.add(Place("errors.yaml"), "DIC-111", f"code `{code}` is missing; rows of {users} can be refused with it")


def _later_codes(mapping: Mapping) -> set[str]:
    """Return what rows are held for later in its examples: DEL-101, too."""
    return {later.code for example in mapping.examples for later in example.then if later.code}


def _read_fields(files: Files, terms: Terms, faults: Faults) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for _, node in files.matching("fields*.yaml"):
        for name, field in read_fields(node, terms, faults):
            if name.text in fields:
                faults.add(name.place, "DIC-112", f"field `{name.text}` is defined twice")
            fields[name.text] = field
    return fields


def _read_all(files: Files, under: str, read: Callable[[Node], T | None], key: str, faults: Faults) -> dict[str, T]:
    """Return what the files of one folder define, by name; the name that a file gives is the file's own name."""
    found: dict[str, T] = {}
    for file, node in files.matching(f"{under}/*.yaml"):
        name = Path(file).stem
        given = plain_tree(node)
        if isinstance(given, dict) and given.get(key, name) != name:
            faults.add(
                Place(node.place.file), "DIC-113", f"the file of {key} `{given[key]}` is named {given[key]}.yaml"
            )
        thing = read(node)
        if thing is not None:
            found[name] = thing
    return found


def _canonical(content: dict[str, object]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
