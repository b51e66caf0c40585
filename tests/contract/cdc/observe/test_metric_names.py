"""The metrics that there are, their names, and the page that explains them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from prometheus_client.metrics_core import Metric

from cdc.config import Target
from cdc.observe.deriving import DerivingMetrics
from cdc.observe.landing import LandingMetrics
from cdc.observe.monitor import Monitor
from cdc.observe.watching import WatchMetrics
from compose.local.env import REPO
from transforms.load import load

# Time and size in the base units, https://prometheus.io/docs/practices/naming/
UNITS = ("_seconds", "_bytes", "_rows", "_batches", "_records", "_offset", "_info", "_live", "_ready", "_up")


def families(target: Target) -> Iterator[Metric]:
    monitors = {worker: Monitor(worker) for worker in ("land", "derive", "watch")}
    LandingMetrics(monitors["land"], target, list)
    DerivingMetrics(monitors["derive"], target, load().domains())
    WatchMetrics(monitors["watch"]).watches(["erp"])
    for monitor in monitors.values():
        yield from (family for family in monitor.registry.collect() if family.name.startswith("cdc_"))


def full_name(family: Metric) -> str:
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


@pytest.fixture
def metrics(target: Target) -> dict[str, Metric]:
    return {full_name(family): family for family in families(target)}


def test_names_say_the_unit_and_counters_that_they_count(metrics: dict[str, Metric]) -> None:
    for name, family in metrics.items():
        assert re.fullmatch(r"cdc(_[a-z]+)+", name)
        assert family.documentation
        assert name.endswith("_total") == (family.type == "counter")
        assert family.type in {"counter", "info"} or name.endswith(UNITS), name


def test_every_metric_is_explained_and_every_explained_metric_is_there(metrics: dict[str, Metric]) -> None:
    page = (REPO / "cdc" / "observe" / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.partition("## Metrics")[2].splitlines() if line.startswith("|")]
    assert set(re.findall(r"`(cdc_\w+)`", " ".join(rows))) == metrics.keys()
