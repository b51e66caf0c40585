"""The codes by which a row is refused when nothing else is declared."""

from __future__ import annotations

REQUIRED = "REQ-101"
TEXT = "TXT-101"
NUMBER = "NUM-101"
TIME = "DAT-101"
UNIT_UNKNOWN = "UOM-202"
UNIT_PACKAGING = "UOM-201"
UNIT_DIMENSION = "UOM-203"
SEVERAL_FOUND = "REF-302"
GTIN_CHECK_DIGIT = "UDI-101"
GTIN_SHAPE = "UDI-102"
