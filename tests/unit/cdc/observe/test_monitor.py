from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from cdc.errors import TransientError
from cdc.observe.monitor import Condition, Monitor
from cdc.observe.pulse import Pulse


def value(monitor: Monitor, name: str, **labels: str) -> float | None:
    return monitor.registry.get_sample_value(name, labels)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands where its one element says."""
    moment = [1000.0]
    monkeypatch.setattr("cdc.observe.pulse.time.monotonic", lambda: moment[0])
    return moment


def test_a_loop_that_does_not_turn_makes_the_worker_unlive_and_a_turn_makes_it_live_again(clock: list[float]) -> None:
    monitor = Monitor("land", stall_s=10)
    pulse = monitor.pulse("land")
    other = monitor.pulse("other")
    clock[0] += 10
    other.beat()
    assert (monitor.liveness().well, value(monitor, "cdc_live")) == (True, 1)
    clock[0] += 1
    assert (monitor.liveness().well, value(monitor, "cdc_live")) == (False, 0)
    stalled = [condition for condition in monitor.liveness().conditions if condition.reason]
    assert stalled == [Condition("land", "has not turned for 11 s, more than 10 s")]
    pulse.beat()
    assert monitor.liveness().well


def test_a_turn_that_said_it_would_take_longer_may(clock: list[float]) -> None:
    monitor = Monitor("derive", stall_s=10)
    pulse = monitor.pulse("job_order")
    pulse.beat(patience_s=60)
    clock[0] += 59
    assert monitor.liveness().well
    pulse.beat()
    clock[0] += 11
    assert not monitor.liveness().well


def test_a_worker_that_has_not_said_what_it_needs_is_not_ready_and_says_what_keeps_it() -> None:
    monitor = Monitor("land")
    assert monitor.readiness().conditions == (Condition("land", "is starting"),)
    monitor.failed(TransientError("STR-109", "10.0.0.1:9092 of the customer"))
    assert monitor.readiness().conditions == (Condition("land", "STR-109 Kafka does not answer"),)
    assert not monitor.readiness().well


def test_a_worker_is_ready_when_nothing_that_it_needs_is_missing() -> None:
    monitor = Monitor("land")
    stream = [Condition("cdc.erp", "waits for TGT-101")]
    monitor.need(lambda: [Condition("kafka")])
    monitor.need(lambda: stream)
    assert (monitor.readiness().well, value(monitor, "cdc_ready")) == (False, 0)
    stream[0] = Condition("cdc.erp", note="at offset 7")
    assert (monitor.readiness().well, value(monitor, "cdc_ready")) == (True, 1)


def test_failures_restarts_build_and_what_ends_the_worker_are_metrics() -> None:
    monitor = Monitor("derive", restarts=3)
    monitor.failed(TransientError("TGT-101"))
    monitor.failed(TransientError("TGT-101"))
    monitor.ended_by("DRV-104")
    assert value(monitor, "cdc_transient_failures_total", code="TGT-101") == 2
    assert value(monitor, "cdc_worker_restarts_total") == 3
    assert value(monitor, "cdc_fatal_info", code="DRV-104") == 1
    text = generate_latest(monitor.registry).decode()
    assert 'cdc_build_info{version="' in text
    assert 'worker="derive"' in text
    assert "process_resident_memory_bytes" in text


def test_a_pulse_counts_from_its_birth(clock: list[float]) -> None:
    pulse = Pulse()
    clock[0] += 5
    assert pulse.silence_s() == 5
