"""ISBT 128 and AHM: their agency, and the text as it stands."""

from __future__ import annotations

import pytest

from transforms.errors import Refused
from transforms.udi import Udi, parse_udi

# The structures of a device label (UDI formats of FDA-accredited agencies), alone, joined, and as a compound message.
DEVICE = "=/A9999XYZ100T0944=,000025=A99971312345600=>014032=}013032&,1000000000000XYZ123"
LABELS = [
    ("ICCBBA", DEVICE),
    ("ICCBBA", f"=+06000{DEVICE}"),
    ("ICCBBA", "=/A9999XYZ100T0944"),
    ("ICCBBA", "=A99971312345600"),
    ("ICCBBA", "=>014032"),
    ("ICCBBA", "&,1000000000000XYZ123"),
    ("ICCBBA", "=)1TE123456A&)RZ12345678"),
    ("ICCBBA", "=+02001=A99971312345600=%5100"),
    ("ICCBBA", "]C0=A99971312345600"),
    ("AHM", "AHM12345678901234"),
]


@pytest.mark.parametrize(("agency", "text"), LABELS)
def test_label_is_kept_whole(agency, text):
    assert parse_udi(text) == Udi(agency, text, whole=True)


@pytest.mark.parametrize(
    "text",
    [
        *("=", "&", "=A1", "=SUM(A1:A9)", "=/A9999XYZ100T094", f"{DEVICE}=", f"{DEVICE} ^", "=+0600", "=+06000", "&,2"),
        *(DEVICE.lower(), "=+06000批", "=/A9999XYZ100T0944=/A9999XYZ100T094４", "AHM 1", "AHM批", "ahm1"),
    ],
)
def test_what_only_begins_like_one_is_refused(text):
    with pytest.raises(Refused, match="UDI-103"):
        parse_udi(text)
