"""The documents of a version whose content has been kept, as canonical JSON (`Dictionary.content`).

The trees are made of the JSON itself and not of text that would have to be YAML: what keeps people from writing what
nobody can review (sizes, characters that turn the direction) has been looked at when the files were read, and says
nothing about JSON. So whatever has been loaded once is read again, and as what it was.
"""

from __future__ import annotations

import json

from transforms.errors import Faults, Place
from transforms.yaml.document import Items, Node, Scalar, Table
from transforms.yaml.files import Files


def kept_files(content: str, faults: Faults) -> Files:
    """Return the files of a content. It is that of all layers: what it extended is in it already."""
    try:
        trees = json.loads(content)
        documents = {file: _node(tree, Place(file)) for file, tree in trees.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        faults.add(Place("dictionary.yaml"), "DIC-101", "what has been kept is not the JSON of a dictionary's files")
        documents = {}
    return Files(documents, faults)


def _node(tree: object, place: Place) -> Node:
    if isinstance(tree, dict):
        return Table({key: (_text(key, place), _node(value, place)) for key, value in tree.items()}, place)
    if isinstance(tree, list):
        return Items(tuple(_node(item, place) for item in tree), place)
    if tree is None:
        return Scalar("", place, plain=True, inner=None)
    if isinstance(tree, str):
        return _text(tree, place)
    raise TypeError("content has texts, and nothing that JSON has types for")


def _text(text: str, place: Place) -> Scalar:
    return Scalar(text, place, plain=False, inner=None)
