"""MySQL's types: as MariaDB's. What is not here is refused with SRC-201."""

from __future__ import annotations

from dataclasses import replace

from tests.integration.types import mariadb
from tests.integration.types.case import Case, Refusal

_YEAR = Case("year", "smallint", ("1901", "2155", "2024", "1970", "2000", "0"), as_key=True, read="{} + 0")
CASES = (
    *(
        replace(case, remark=case.remark.replace("MariaDB", "MySQL"))
        for case in mariadb.CASES
        if case.type not in ("json", "year")
    ),
    _YEAR,
)
REFUSALS = (
    Refusal("json", "SRC-202", "the log reader writes numbers with a fraction, times and bytes in it otherwise"),
    Refusal("vector(3)", "SRC-201", "nobody has looked"),
    *(one for one in mariadb.REFUSALS if one.type.startswith(("enum", "set"))),
    Refusal("varchar(9) CHARACTER SET big5", "SRC-203", "as cp932, eucjpms, euckr, gb18030, sjis, ujis and a few more"),
)
