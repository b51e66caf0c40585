"""Zones are those of the pinned package, whatever the machine has: the same dictionary gives the same instants."""

from __future__ import annotations

import tomllib
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from transforms.value.moment import find_zone, localizer


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """The folder in which a machine has its zones, and in which Shanghai is where London is."""
    (tmp_path / "Asia").mkdir()
    london = files("tzdata").joinpath("zoneinfo", "Europe", "London").read_bytes()
    for name in ("Shanghai", "Atlantis"):
        (tmp_path / "Asia" / name).write_bytes(london)
    zoneinfo.reset_tzpath([tmp_path])
    ZoneInfo.clear_cache()
    find_zone.cache_clear()
    yield tmp_path
    zoneinfo.reset_tzpath()
    ZoneInfo.clear_cache()


@pytest.mark.usefixtures("machine")
def test_the_rules_of_the_machine_do_not_count() -> None:
    noon = datetime(2026, 1, 31, 12)  # noqa: DTZ001 - a local time, as sources have them
    assert noon.replace(tzinfo=ZoneInfo("Asia/Shanghai")).utcoffset() == timedelta(0)
    zone = find_zone("Asia/Shanghai")
    assert zone is not None
    assert localizer(zone)(noon) == datetime(2026, 1, 31, 4, tzinfo=UTC)
    assert str(zone) == "Asia/Shanghai"


@pytest.mark.usefixtures("machine")
def test_nor_do_its_names() -> None:
    assert ZoneInfo("Asia/Atlantis").key == "Asia/Atlantis"
    assert find_zone("Asia/Atlantis") is None


def test_a_machine_without_zones_has_them_all() -> None:
    zoneinfo.reset_tzpath([])
    find_zone.cache_clear()
    try:
        names = files("tzdata").joinpath("zones").read_text().split()
        assert [name for name in names if find_zone(name) is None] == ["Factory"]
    finally:
        zoneinfo.reset_tzpath()


@pytest.mark.parametrize(
    "name", ["localtime", "posixrules", "right/UTC", "../zones", "Asia/../Asia/Rome", "asia/tokyo", ""]
)
def test_other_names_are_no_zones(name: str) -> None:
    assert find_zone(name) is None


def test_the_version_is_pinned_and_is_the_one_that_is_here() -> None:
    wanted = tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
    assert f"tzdata=={version('tzdata')}" in wanted
