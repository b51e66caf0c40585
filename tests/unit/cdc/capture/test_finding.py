from __future__ import annotations

import pytest

from cdc.capture.finding import check_names
from cdc.columns import DELETED_COLUMNS, MAX_SOURCE_COLUMNS, SERVICE_COLUMNS, STAGE_COLUMNS
from cdc.errors import FatalError

SYSTEM = ("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid")


@pytest.mark.parametrize("name", [*SERVICE_COLUMNS, *DELETED_COLUMNS, *STAGE_COLUMNS, *SYSTEM])
def test_a_name_that_a_table_of_the_target_has_already_is_refused(name: str) -> None:
    with pytest.raises(FatalError) as caught:
        check_names("s.t", "t", ["id", name])
    assert (caught.value.code, caught.value.detail) == ("SRC-204", f"s.t: column {name!r}")


@pytest.mark.parametrize("name", ["oid", "CTID", "_id", "offset", "_Offset"])
def test_a_name_that_only_looks_like_one_is_taken(name: str) -> None:
    check_names("s.t", "t", ["id", name])


def test_more_columns_than_the_target_can_have_are_refused() -> None:
    names = [f"c{number}" for number in range(MAX_SOURCE_COLUMNS + 1)]
    check_names("s.t", "t", names[1:])
    with pytest.raises(FatalError, match="SRC-204"):
        check_names("s.t", "t", names)
