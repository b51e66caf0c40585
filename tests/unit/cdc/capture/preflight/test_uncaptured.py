"""Tables of which nobody has decided anything are named; excluded ones are decided about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.uncaptured import uncaptured_findings
from cdc.capture.source import Source, SourceTable

_SOURCE = Source("mes", "postgresql", "h", "1", "mes", "u", "p", "running", (SourceTable("public", "lot"),))


@pytest.mark.parametrize(
    ("names", "exclude", "told"),
    [
        (["public.lot"], (), []),
        (["public.lot", "public.label", "audit.log"], ("audit.*",), ["public.label"]),
        (
            [f"public.t{place:02}" for place in range(22)],
            (),
            [", ".join(f"public.t{n:02}" for n in range(20)) + " and 2 more"],
        ),
    ],
)
def test_tables_that_stand_in_neither_list_are_named(
    names: list[str], exclude: tuple[str, ...], told: list[str]
) -> None:
    found = list(uncaptured_findings(replace(_SOURCE, exclude=exclude), names))
    assert found == [Finding("SRC-324", what) for what in told]
    assert {one.severity for one in found} <= {"note"}
