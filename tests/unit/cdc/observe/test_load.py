from __future__ import annotations

from cdc.observe.load import LOADED, LOADING, WAITING, Landed, Load, estimate_load

ORDER = ("erp.a", "erp.b", "erp.c", "erp.d")


def load(landed: dict[str, tuple[int, int, int]], estimates: dict[str, int], seconds: float = 600) -> Load:
    """`landed`: rows, rows of the last minute, last batch."""
    return estimate_load("cdc.erp", seconds, ORDER, {name: Landed(*row) for name, row in landed.items()}, estimates)


def states(found: Load) -> list[str]:
    return [table.state for table in found.tables]


def test_tables_are_read_in_order_and_the_last_one_that_came_is_being_read() -> None:
    found = load({"erp.a": (100, 0, 3), "erp.c": (50, 50, 9)}, {"erp.a": 900, "erp.b": 7, "erp.c": 100, "erp.d": 850})
    # Nothing came of b, which stands before c: it is empty, whatever was estimated.
    assert states(found) == [LOADED, LOADED, LOADING, WAITING]
    assert [table.estimated_rows for table in found.tables] == [100, 0, 100, 850]
    assert [table.percent for table in found.tables] == [100.0, 100.0, 50.0, 0.0]
    assert (found.rows, found.estimated_rows) == (150, 1050)
    assert found.percent == 100 * 150 / 1050


def test_two_tables_of_one_batch_the_later_one_is_being_read() -> None:
    assert states(load({"erp.a": (10, 10, 1), "erp.b": (10, 10, 1)}, {})) == [LOADED, LOADING, WAITING, WAITING]


def test_the_end_is_what_is_left_at_the_speed_of_the_last_minute() -> None:
    found = load({"erp.a": (100, 0, 1), "erp.b": (500, 300, 4)}, {"erp.b": 1000, "erp.c": 400, "erp.d": 0})
    assert found.rows_per_s == 300 / 60
    assert found.eta_s == (1000 - 500 + 400) / 5


def test_a_load_that_has_just_begun_is_measured_since_its_begin() -> None:
    found = load({"erp.a": (100, 100, 1)}, dict.fromkeys(ORDER, 200), seconds=20)
    assert found.rows_per_s == 5
    assert found.eta_s == 700 / 5


def test_a_table_that_nobody_has_counted_leaves_total_and_end_unknown() -> None:
    found = load({"erp.a": (100, 100, 1)}, {"erp.a": 200, "erp.b": 200, "erp.c": 200})
    assert (found.estimated_rows, found.percent, found.eta_s) == (None, None, None)
    assert found.tables[0].percent == 50
    assert found.tables[3].percent is None


def test_an_estimate_that_was_too_low_is_no_estimate_any_more() -> None:
    found = load({"erp.a": (201, 100, 1)}, dict.fromkeys(ORDER, 200))
    assert found.tables[0].estimated_rows is None
    assert (found.estimated_rows, found.eta_s) == (None, None)


def test_a_load_that_has_stopped_has_no_end() -> None:
    found = load({"erp.a": (100, 0, 1)}, dict.fromkeys(ORDER, 200))
    assert (found.rows_per_s, found.eta_s, found.percent) == (0, None, 12.5)


def test_before_the_first_row_everything_waits() -> None:
    found = load({}, dict.fromkeys(ORDER, 200))
    assert states(found) == [WAITING] * 4
    assert (found.rows, found.percent, found.eta_s) == (0, 0.0, None)


def test_without_a_connector_file_tables_stand_as_they_came() -> None:
    landed = {"erp.z": Landed(5, 0, 1), "erp.y": Landed(6, 6, 2)}
    found = estimate_load("cdc.erp", 60, (), landed, {})
    assert [(table.mirror, table.state) for table in found.tables] == [("erp.z", LOADED), ("erp.y", LOADING)]


def test_empty_tables_are_a_whole_that_is_done() -> None:
    assert load({}, dict.fromkeys(ORDER, 0)).percent == 100
