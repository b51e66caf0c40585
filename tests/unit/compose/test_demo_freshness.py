from __future__ import annotations

import json
from pathlib import Path

from compose.demo.freshness import percentile, read_freshness
from compose.demo.schedule import Window


def test_only_rows_committed_in_quiet_windows_count(tmp_path: Path) -> None:
    results = tmp_path / "freshness.jsonl"
    records = [
        {"ready": True},
        {"table": "trace.party", "key": ["a"], "committed_at": 101.0, "ms": 40.0},
        {"table": "trace.party", "key": ["b"], "committed_at": 105.0, "ms": 4000.0},
        {"table": "trace.party", "key": ["c"], "committed_at": 111.0, "ms": 60.0},
        {"table": "trace.party", "key": ["d"], "committed_at": 109.0},
        {"table": "erp.party", "key": ["7"], "committed_at": 101.0, "ms": 20.0},
        {"table": "erp.party", "key": ["8"], "committed_at": 107.0, "ms": 2.0},
        {"polls": 900, "late": 3},
    ]
    results.write_text("".join(json.dumps(record) + "\n" for record in records))
    freshness = read_freshness(results, 100.0, (Window(0, 5), Window(10, 15)))
    assert (freshness.probes, freshness.p50_ms, freshness.p99_ms) == (2, 40.0, 60.0)
    assert (freshness.mirror_probes, freshness.mirror_p50_ms, freshness.mirror_p99_ms) == (1, 20.0, 20.0)
    assert (freshness.all_probes, freshness.all_p50_ms, freshness.all_p99_ms) == (4, 60.0, None)
    assert (freshness.never_seen, freshness.polls, freshness.late_polls) == (1, 900, 3)


def test_percentile_is_a_value_that_was_measured() -> None:
    ordered = [float(value) for value in range(1, 101)]
    assert [percentile(ordered, percent) for percent in (1, 50, 99, 100)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 99) == 7.0
    assert percentile([], 50) is None


def test_a_row_of_a_quiet_window_that_was_never_seen_is_the_oldest_of_all(tmp_path: Path) -> None:
    results = tmp_path / "freshness.jsonl"
    records = [
        {"table": "trace.party", "key": ["a"], "committed_at": 101.0, "ms": 40.0},
        {"table": "trace.party", "key": ["b"], "committed_at": 102.0},
    ]
    results.write_text("".join(json.dumps(record) + "\n" for record in records))
    freshness = read_freshness(results, 100.0, (Window(0, 5),))
    assert (freshness.probes, freshness.p50_ms, freshness.p99_ms) == (2, 40.0, None)
