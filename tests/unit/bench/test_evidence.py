"""The benchmark of the evidence fails by bytes, which are the same on any machine, and tells both ratios of time."""

from __future__ import annotations

import pytest

from tests.bench.evidence import exit_code, told


@pytest.mark.parametrize(("size", "code"), [(99.0, 0), (140.0, 0), (140.1, 1)])
def test_more_bytes_a_change_than_may_be_fail(size: float, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code({"bytes_per_change": size}) == code
    captured = capsys.readouterr()
    assert ("140.1 bytes a change, 140 at most" in captured.out + captured.err) == bool(code)


def test_times_are_told_as_ratios() -> None:
    assert told({"slower_percent": 15.9, "cpu_percent": -2.0}) == [
        "time to land with evidence by without: 1.159",
        "processor time of worker and target with evidence by without: 0.980",
    ]
