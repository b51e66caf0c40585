"""Labels as the files write them: `{zh: ..., en: ...}`."""

from __future__ import annotations

from transforms.errors import Faults
from transforms.model import Label
from transforms.yaml.document import Node
from transforms.yaml.section import Section, read_section
from transforms.yaml.shape import Anything, Shape, Text

LABEL = Shape(
    {"zh": Text("The name in Chinese."), "en": Text("The name in English.")},
    {"standard": Anything("What a standard calls it.")},
    told="The name for people.",
)


def read_label(node: Node | None, faults: Faults) -> Label:
    """Return the label, empty where it is missing."""
    section = read_section(node, faults, LABEL) if node else None
    return Label(section.text("zh"), section.text("en")) if section else Label("", "")


def label_of(section: Section, faults: Faults) -> Label:
    """Return the label under `label`."""
    return read_label(section.node("label"), faults)
