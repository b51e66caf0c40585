"""What legacy systems store, and what has to come of it: values as a mirror has them, through a whole mapping.

What happens before a mirror has them (character sets, zero dates in date columns, tables without a key) stands in the
table of tests/README.md with the tests that show it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from transforms.errors import Refused

LABEL = "label: {zh: x, en: x}, definition: d, owner: o"
TOLD = "label: {zh: t, en: t}, cause: c, action: a, owner: o"
FILES = {
    "errors.yaml": "".join(
        f"{code}: {{kind: {'warning' if '-W' in code else 'row'}, {TOLD}}}\n"
        for code in ("REQ-101", "TXT-101", "NUM-101", "DAT-101", "COD-201", "LOT-101", "ENC-W02", "REF-302")
    ),
    "fields.yaml": f"""fields:
  lot_number: {{{LABEL}, type: string(20), check: [gs1_cset82], on_error: {{default: LOT-101}}, example: 26A0412}}
  product_name: {{{LABEL}, type: string(40), example: x}}
  expiry_date: {{{LABEL}, type: date, null_tokens: ["9999-12-31"], example: "2029-02-28"}}
  is_batch_managed: {{{LABEL}, type: boolean, code_set: yes_no, example: "true"}}
  measured_value: {{{LABEL}, type: "decimal(18,6)", example: "1.5"}}
  comparator: {{{LABEL}, type: string(2), example: "="}}
  measured_text: {{{LABEL}, type: string(20), example: OK}}
  lot_status: {{{LABEL}, type: code, code_set: lot_status, example: BLOCKED}}
""",
    "codesets/yes_no.yaml": """code_set: yes_no
version: "1"
codes: {"TRUE": {zh: 是, en: Yes}, "FALSE": {zh: 否, en: No}}
normalise: [trim, nfkc, upper]
synonyms:
  - {system: erp, code: Y, to: "TRUE"}
  - {system: erp, code: "1", to: "TRUE"}
  - {system: erp, code: T, to: "TRUE"}
  - {system: erp, code: 是, to: "TRUE"}
  - {system: erp, code: N, to: "FALSE"}
  - {system: erp, code: "0", to: "FALSE"}
unmapped: COD-201
""",
    "codesets/lot_status.yaml": """code_set: lot_status
version: "1"
codes: {BLOCKED: {zh: 冻结, en: Blocked}, REJECTED: {zh: 不合格, en: Rejected}}
normalise: [trim, nfkc, upper]
synonyms:
  - {system: erp, code: "9", to: REJECTED, valid_to: "2021-06-01"}
  - {system: erp, code: "9", to: BLOCKED, valid_from: "2021-06-01"}
unmapped: COD-201
""",
    "sources/erp.yaml": "source: erp\nlabel: {zh: e, en: e}\ntime_zone: Asia/Shanghai\n"
    'null_tokens: ["", "-", "/", "0", "00000000", "0000-00-00", "0000-00-00 00:00:00"]\n',
    "units.yaml": "units: {}\naliases: {}\n",
    "mappings/erp.lots.yaml": r"""mapping: erp.lots
version: "1"
source:
  table: erp.lots
  columns: {no: char, batch: text, name: text, valid_to: text, managed: text, test: text, status: text, day: date}
let:
  eight: CASE WHEN valid_to NOT IN ('', '0', '00000000', '0000-00-00') THEN valid_to END
target:
  table: trace.lots
  key: [lot_number]
  columns:
    lot_number: {expr: "CLEAN(COALESCE(batch, no))", required: true}
    product_name: name
    expiry_date: "CASE WHEN eight LIKE '____-__-__' THEN CAST(eight AS DATE)
      ELSE CAST(CONCAT(SUBSTRING(eight, 1, 4), '-', SUBSTRING(eight, 5, 2), '-', SUBSTRING(eight, 7)) AS DATE) END"
    is_batch_managed: managed
    measured_value: MEASURED_VALUE(CASE WHEN test <> '/' THEN test END)
    comparator: MEASURED_COMPARATOR(CASE WHEN test <> '/' THEN test END)
    measured_text: test
    lot_status: {expr: status, at: day}
  checks:
    - {rule: "NOT product_name REGEXP '\\p{Han}\\?|\\?\\p{Han}'", error: ENC-W02}
examples:
  - {name: a lot, in: {no: L1}, out: {lot_number: L1}}
""",
}
COLUMNS = ("lot_number", "product_name", "expiry_date", "is_batch_managed", "measured_value", "comparator",
           "measured_text", "lot_status")  # fmt: skip


@pytest.fixture
def lots(folder):
    (folder.root / "mappings/erp.parts.yaml").unlink()
    (folder.root / "codesets/state.yaml").unlink()
    for file, text in FILES.items():
        folder.write(file, text)
    (mapping,) = folder.load().mappings

    def derive(**stored: object) -> dict[str, object]:
        """Return the canonical row of a source row, its warnings with it; columns that are not named are NULL."""
        row = {"no": "L1", **stored}
        (((values),),) = mapping.normalise([row.get(used.column or "") for used in mapping.inputs])
        return dict(zip((*COLUMNS, "warnings"), values, strict=True))

    return derive


QUIRKS = [
    # stored, canonical column, value
    ({"no": "A001      "}, "lot_number", "A001"),  # PostgreSQL keeps the padding of CHAR, MariaDB strips it
    ({"batch": " 26a0412　"}, "lot_number", "26a0412"),  # lower case is another lot
    ({"batch": "26A0412"}, "lot_number", "26A0412"),
    ({"batch": "26AO412"}, "lot_number", "26AO412"),  # O is not 0
    ({"valid_to": "20290228"}, "expiry_date", date(2029, 2, 28)),
    ({"valid_to": "2029-02-28"}, "expiry_date", date(2029, 2, 28)),
    ({"valid_to": "00000000"}, "expiry_date", None),
    ({"valid_to": "0000-00-00"}, "expiry_date", None),
    ({"valid_to": "0"}, "expiry_date", None),
    ({"valid_to": ""}, "expiry_date", None),
    ({"valid_to": "99991231"}, "expiry_date", None),
    *[({"managed": code}, "is_batch_managed", True) for code in ("Y", "y ", "1", "１", "T", "是")],
    *[({"managed": code}, "is_batch_managed", False) for code in ("N", "n")],
    ({"managed": ""}, "is_batch_managed", None),
    ({"test": "1,200.50 "}, "measured_value", Decimal("1200.500000")),
    ({"test": "１２.5"}, "measured_value", Decimal("12.500000")),
    ({"test": "≥5"}, "measured_value", Decimal("5.000000")),
    ({"test": "≥5"}, "comparator", ">="),
    ({"test": "<0.05"}, "measured_value", Decimal("0.050000")),
    ({"test": "<0.05"}, "comparator", "<"),
    ({"test": "<0.05"}, "measured_text", "<0.05"),
    ({"test": "1.02±0.03"}, "measured_value", Decimal("1.020000")),
    ({"test": "OK"}, "measured_value", None),
    ({"test": "OK"}, "measured_text", "OK"),
    ({"test": "/"}, "measured_value", None),
    ({"test": "/"}, "measured_text", None),
    ({"status": "9", "day": date(2021, 5, 31)}, "lot_status", "REJECTED"),  # a code that was used again
    ({"status": "9", "day": date(2021, 6, 1)}, "lot_status", "BLOCKED"),
    ({"status": "９ ", "day": date(2021, 6, 1)}, "lot_status", "BLOCKED"),  # full-width: of codes only
    ({"name": "?m 导管"}, "warnings", None),
    ({"name": "导?管"}, "warnings", ["ENC-W02 product_name"]),  # lost when it was written: 𠮷 in a GBK table
    ({"name": "导?管"}, "product_name", "导?管"),
]
REFUSED = [
    ({"valid_to": "20261301"}, "DAT-101"),
    ({"valid_to": "20230229"}, "DAT-101"),
    ({"managed": "X"}, "COD-201"),
    ({"batch": "２６A0412"}, "LOT-101"),  # a lot is never made to look right
    ({"batch": "26A 0412"}, "LOT-101"),
    ({"batch": "26A#0412"}, "LOT-101"),
    ({"batch": "-", "no": None}, "REQ-101"),
    ({"test": "1.2.3"}, "NUM-101"),
    ({"test": "≥5 (2)"}, "NUM-101"),
    ({"status": "8", "day": date(2021, 6, 1)}, "COD-201"),
    ({"status": "9"}, "COD-201"),  # nobody knows when
]


@pytest.mark.parametrize(("stored", "column", "value"), QUIRKS, ids=ascii)
def test_stored_is_value(lots, stored, column, value):
    got = lots(**stored)[column]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(("stored", "code"), REFUSED, ids=ascii)
def test_stored_is_refused(lots, stored, code):
    with pytest.raises(Refused) as refused:
        lots(**stored)
    assert refused.value.code == code
