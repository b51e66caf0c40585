"""What a decoder raises where a value does not have the form that its contract says."""

from __future__ import annotations


class Misfit(Exception):
    """A value does not have the form of its decoder. `code` stands in the catalogue; the value is not repeated."""

    def __init__(self, code: str = "VAL-101") -> None:
        super().__init__(code)
        self.code = code


class TooWide(Misfit):
    """A value has the right form and is too long or too large for the mirror's type."""
