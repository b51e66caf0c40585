"""Unique device identification: from the text of a label, as a legacy column holds it, to its parts.

UDI = UDI-DI (who makes what, in which package) + UDI-PI (lot, serial, dates, software version). `parse_udi` reads every
form below by its first characters, and refuses what it cannot tell apart; it never guesses, completes or cleans.

agency.py            whose label it is
separator.py         FNC1, as scanners and legacy systems write it
symbology.py         what a scanner puts before the data
identifier.py        GS1 application identifiers (biip's table)
element_string.py    GS1 as scanned: 0106901234567892172702001026L01
hri.py               GS1 as printed: (01)06901234567892(17)270200(10)26L01
digital_link.py      GS1 as a web address
association.py       which identifiers go together
lost_separator.py    a lot that swallowed what followed it
device_identifier.py the UDI-DI of each agency
confirm.py           a label against the columns beside it
check_pair.py        check characters of GS1 model numbers
gs1_label.py         GS1 elements to a UDI
gs1_date.py          dates of GS1 elements
hibc.py              HIBCC labels: check character (mod43.py), primary and secondary data (hibc_secondary.py)
ma.py                MA (IDcode)
whole.py             ISBT 128 and AHM, kept whole
label_date.py        dates that have no century until an event gives them one
parse.py             the way in
udi.py               the result
"""

from transforms.udi.confirm import confirm
from transforms.udi.device_identifier import is_device_identifier
from transforms.udi.label_date import LabelDate
from transforms.udi.parse import parse_udi
from transforms.udi.udi import Udi

__all__ = ["LabelDate", "Udi", "confirm", "is_device_identifier", "parse_udi"]
