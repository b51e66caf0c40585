"""The list of types that users read is the one that the integration tests run."""

from __future__ import annotations

from tests.integration.types import mariadb, postgresql, readme


def test_the_list_is_written_from_the_cases() -> None:
    assert readme.FILE.read_text(encoding="utf-8") == readme.text(), (
        "run `.venv/bin/python -m tests.integration.types.readme`"
    )


def test_a_value_that_is_not_exact_has_a_remark() -> None:
    for case in (*postgresql.CASES, *mariadb.CASES):
        assert case.remark or not (case.refused or case.altered), case.type
