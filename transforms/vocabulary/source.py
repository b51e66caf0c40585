"""Source systems (`sources/*.yaml`): what is true of all their tables."""

from __future__ import annotations

from collections.abc import Mapping as Map

from transforms.errors import Faults
from transforms.model import Source
from transforms.value.moment import ZONES_ARE_NAMED, find_zone
from transforms.value.text import BLANKS
from transforms.yaml.document import Node
from transforms.yaml.label import LABEL, label_of
from transforms.yaml.name import NAME, check_names
from transforms.yaml.section import read_section
from transforms.yaml.shape import Many, Shape, Text

SOURCE = Shape(
    {
        "source": Text("Name of the source system; the file has the same.", form=NAME.form),
        "label": LABEL,
        "time_zone": Text("Where its clocks stand, as the IANA time zone database calls it: Asia/Shanghai."),
        "null_tokens": Many(Text(), "Texts that mean nothing, blanks around them aside: NULL in every column."),
    },
    told="sources/NAME.yaml: what is true of all tables of a source system.",
)


def read_source(node: Node, aliases: Map[str, Map[str, str]], faults: Faults) -> Source | None:
    """Return the source system of one file."""
    section = read_section(node, faults, SOURCE)
    if section is None:
        return None
    zone = section.scalar("time_zone")
    if zone and find_zone(zone.text) is None:
        faults.add(zone.place, "DIC-105", f"unknown time zone `{zone.text}`: {ZONES_ARE_NAMED}")
    given = section.scalar("source")
    check_names((given,) if given else (), NAME, faults)
    name = section.text("source")
    return Source(
        name,
        label_of(section, faults),
        section.text("time_zone"),
        frozenset(token.text.strip(BLANKS) for token in section.texts("null_tokens")),
        aliases.get(name, {}),
    )
