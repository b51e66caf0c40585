"""A condition that runs in the source compares, and does nothing else."""

from __future__ import annotations

import pytest

from cdc.capture.condition import condition
from cdc.errors import FatalError

COLUMNS = {"id", "Name", "at"}


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [
        ("postgresql", "id > 100 and id <= 200", 't."id" > 100 AND t."id" <= 200'),
        ("postgresql", "\"Name\" IN ('a''b', 'c') -- more", """t."Name" IN ('a''b', 'c')"""),
        ("postgresql", "NOT at IS NULL OR id = -1", 'NOT t."at" IS NULL OR t."id" = -1'),
        ("mariadb", "id BETWEEN 1 AND 2 AND at >= '2024-01-01'", "t.`id` BETWEEN 1 AND 2 AND t.`at` >= '2024-01-01'"),
        ("mariadb", r"`Name` LIKE 'a\'b%'", "t.`Name` LIKE 'a''b%'"),
    ],
)
def test_it_is_written_anew(kind: str, text: str, written: str) -> None:
    assert condition(kind, text, COLUMNS).replace('"t"', "t").replace("`t`", "t") == written


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize(
    "text",
    [
        "pg_sleep(10) IS NULL",
        "id = (SELECT 1)",
        "id IN (SELECT id FROM other)",
        "id = nextval('s')",
        "true; DROP TABLE x",
        "other = 1",
        "x.id = 1",
        "id = @@version",
        "id = $1",
        "id = ?",
        "id = '${env:HOME}'",
        "id =",
        "concat('a', id) = 'a1'",
        "id::text = '1'",
        "EXISTS (SELECT 1)",
        "",
    ],
)
def test_what_does_more_is_refused(kind: str, text: str) -> None:
    with pytest.raises(FatalError, match="CON-185"):
        condition(kind, text, COLUMNS)
