"""Labels that are kept as one text with their agency: ISBT 128 (ICCBBA), and AHM, whose layout is not published."""

from __future__ import annotations

import re

from transforms import refusal
from transforms.errors import Refused
from transforms.udi.agency import AHM, ICCBBA
from transforms.udi.udi import Udi

_PRINTABLE = re.compile(r"[!-~]+")

# A compound message says how many structures follow; or the structures of a device label, one after the other.
_COMPOUND = re.compile(r"=\+[0-9]{5}[=&][ -~]+")
_STRUCTURES = re.compile(
    r"(?:=/[0-9A-Z]{16}"  # device identifier
    r"|=,[0-9A-Z]{6}"  # serial number
    r"|=>[0-9]{6}|=\}[0-9]{6}"  # expiry, made: three digits of the year, day of the year
    r"|&,1[0-9A-Z]{18}"  # lot
    r"|=\)[0-9A-Z]{10}|&\)[0-9A-Z]{10}"  # blood bag: device identifier, lot
    r"|=[0-9A-Z]{15})+"  # donation
)


def read_iccbba(raw: str, text: str) -> Udi:
    """Return an ISBT 128 label; UDI-103 for what only begins like one."""
    if not _COMPOUND.fullmatch(text) and not _STRUCTURES.fullmatch(text):
        raise Refused(refusal.UDI_UNKNOWN, detail="begins like ISBT 128, and is none of its device labels")
    return Udi(ICCBBA, raw, whole=True)


def read_ahm(raw: str, text: str) -> Udi:
    """Return an AHM label; UDI-103 for characters that no label has."""
    if not _PRINTABLE.fullmatch(text):
        raise Refused(refusal.UDI_UNKNOWN, detail="begins like an AHM label, and has characters that none has")
    return Udi(AHM, raw, whole=True)
