"""How the names that a dictionary gives are spelt: what is the same looks the same, and what is another does not.

Letters of other scripts that look like a Latin one, full-width letters, marks and blanks that nobody sees are refused
by having a form at all. Names of sources (tables, columns, codes, units) are theirs, and any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from transforms.errors import Faults
from transforms.yaml.document import Scalar

# They would be read as what they mean, and never as what they name.
RESERVED: Final = ("null", "true", "false")


@dataclass(frozen=True, slots=True)
class Spelling:
    """The form of a kind of names, a regular expression, and in words."""

    form: str
    told: str

    def fits(self, text: str) -> bool:
        """Tell whether `text` is spelt so."""
        return re.fullmatch(self.form, text) is not None


# PostgreSQL allows 63 bytes, derivation adds a prefix to some; a leading _ is the service's own.
NAME = Spelling("[a-z][a-z0-9_]{0,57}", "a canonical name is of lower-case letters, digits and _")
TABLE = Spelling(
    rf"{NAME.form}\.{NAME.form}", "a canonical table is named `schema.table`, lower-case letters, digits and _"
)
CODE = Spelling("[A-Za-z0-9][A-Za-z0-9_.+/-]{0,62}", "a canonical code is of Latin letters, digits and _ . + / -")
UNIT = Spelling("[A-Z0-9]{2,3}", "the code of a unit is of 2 or 3 upper-case letters and digits")
WORD = Spelling("[A-Za-z_][A-Za-z0-9_]{0,62}", "a name in expressions is of Latin letters, digits and _")


def check_names(names: Iterable[Scalar], spelling: Spelling, faults: Faults) -> None:
    """Find the names that are spelt otherwise, and those that differ from another one in case alone."""
    first: dict[str, Scalar] = {}
    for name in names:
        other = first.setdefault(name.text.lower(), name)
        if not spelling.fits(name.text):
            faults.add(name.place, "DIC-105", spelling.told)
        elif spelling is WORD and name.text.lower() in RESERVED:
            faults.add(name.place, "DIC-105", f"`{name.text}` means something else in expressions")
        elif other.text != name.text:
            faults.add(name.place, "DIC-112", f"`{name.text}` differs from `{other.text}` in case alone")
