"""The endpoint over real HTTP."""

from __future__ import annotations

import gzip
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import httpx
import pytest
import structlog
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from cdc.config import Observe
from cdc.errors import FatalError
from cdc.observe import log
from cdc.observe.endpoint import Endpoint, shown
from cdc.observe.monitor import Condition, Monitor

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def monitor() -> Monitor:
    monitor = Monitor("land", stall_s=60)
    Counter("cdc_tried", "Tries", registry=monitor.registry).inc(7)
    return monitor


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What is logged."""
    stream = io.StringIO()
    log.configure("info", stream)
    yield stream
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)


@pytest.fixture
def client(monitor: Monitor) -> Iterator[httpx.Client]:
    port = free_port()
    endpoint = Endpoint(monitor, HOST, port)
    endpoint.open()
    with httpx.Client(base_url=f"http://{HOST}:{port}", trust_env=False) as client:
        yield client
    endpoint.close()


def test_metrics_come_in_the_format_that_is_asked_for(client: httpx.Client) -> None:
    plain = client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    samples = {s.name: s.value for family in text_string_to_metric_families(plain.text) for s in family.samples}
    assert samples["cdc_tried_total"] == 7
    openmetrics = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")
    with client.stream("GET", "/metrics", headers={"Accept-Encoding": "gzip"}) as zipped:
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert b"cdc_tried_total 7.0" in gzip.decompress(b"".join(zipped.iter_raw()))


def test_health_answers_with_reasons(client: httpx.Client, monitor: Monitor) -> None:
    needed = [Condition("kafka", "does not answer"), Condition("cdc.erp", note="at offset 7")]
    monitor.need(lambda: needed)
    refused = client.get("/readyz")
    assert refused.status_code == 503
    assert refused.headers["Content-Type"] == "application/json"
    assert refused.json() == {
        "worker": "land",
        "ready": False,
        "conditions": [
            {"name": "kafka", "reason": "does not answer", "note": ""},
            {"name": "cdc.erp", "reason": "", "note": "at offset 7"},
        ],
    }
    needed[0] = Condition("kafka")
    assert client.get("/readyz").status_code == 200
    live = client.get("/livez")
    assert (live.status_code, live.json()["live"]) == (200, True)


def test_other_paths_and_methods_are_refused(client: httpx.Client) -> None:
    assert client.get("/").status_code == 404
    assert client.get("/metrics/../etc").status_code == 404
    assert client.post("/livez").status_code == 405
    assert client.post("/metrics").status_code == 405
    head = client.head("/livez")
    assert (head.status_code, head.content) == (200, b"")


def test_a_fault_inside_is_logged_by_type_and_place_and_answered_with_500(
    client: httpx.Client, monitor: Monitor, said: io.StringIO
) -> None:
    class Broken(Collector):
        def collect(self) -> Iterator[object]:
            raise ValueError("the cell 4711")

    monitor.registry.register(Broken())  # type: ignore[arg-type]
    assert client.get("/metrics").status_code == 500
    line = json.loads(said.getvalue().splitlines()[-1])
    assert (line["event"], line["error"], line["path"]) == ("endpoint_failed", "builtins.ValueError", "/metrics")
    assert "4711" not in said.getvalue()
    assert client.get("/livez").status_code == 200


def test_a_client_that_says_nothing_keeps_nobody_waiting(client: httpx.Client) -> None:
    with closing(socket.create_connection((HOST, client.base_url.port or 0))):
        assert client.get("/livez").status_code == 200


def test_a_port_that_is_taken_is_taken_over_when_it_is_free(monitor: Monitor, said: io.StringIO) -> None:
    port = free_port()
    with closing(socket.create_server((HOST, port))):
        endpoint = Endpoint(monitor, HOST, port, try_again_s=0.01)
        endpoint.open()
        assert monitor.registry.get_sample_value("cdc_transient_failures_total", {"code": "OBS-101"}) == 1
        time.sleep(0.1)  # several tries
    assert "OBS-101" in said.getvalue()
    eventually(lambda: answers(port))
    assert said.getvalue().count("endpoint_waits") == 1
    endpoint.close()
    assert not answers(port)


def test_an_address_that_is_not_this_machine_s_is_a_fault_of_the_settings(monitor: Monitor) -> None:
    with pytest.raises(FatalError, match=r"CFG-101.*observe: nothing can listen on 192\.0\.2\.1:9401"):
        Endpoint(monitor, "192.0.2.1", 9401).open()


def test_port_0_is_no_endpoint() -> None:
    with shown("land", Observe(land_port=0), 0, threading.Event()) as monitor:
        assert not [thread for thread in threading.enumerate() if thread.name == "endpoint"]
        assert monitor.worker == "land"


def test_what_ends_a_worker_is_scraped_once_more() -> None:
    port = free_port()
    seen: list[str] = []

    def scrape() -> None:
        with suppress(httpx.TransportError):  # it may have seen enough, and ended
            seen.append(httpx.get(f"http://{HOST}:{port}/metrics", trust_env=False).text)

    worker = threading.Thread(target=fail, args=(port, threading.Event(), scrape))
    worker.start()
    eventually(lambda: bool(seen))
    while worker.is_alive():
        scrape()
    assert "cdc_fatal_info{" not in seen[0]
    assert 'cdc_fatal_info{code="LND-105"} 1.0' in seen[-1]


@pytest.mark.parametrize("scraped", [False, True])
def test_nobody_is_waited_for_who_does_not_scrape_and_when_told_to_stop(*, scraped: bool) -> None:
    port, stop = free_port(), threading.Event()

    def scrape_and_stop() -> None:
        httpx.get(f"http://{HOST}:{port}/metrics", trust_env=False)
        stop.set()

    fail(port, stop, scrape_and_stop if scraped else lambda: None)
    assert not answers(port)


def fail(port: int, stop: threading.Event, work: Callable[[], None]) -> None:
    """Be a worker that works, and is ended by LND-105."""

    def run() -> None:
        with shown("land", Observe(land_port=port), 0, stop):
            work()
            raise FatalError("LND-105", "cdc.erp")

    with pytest.raises(FatalError):
        run()


def answers(port: int) -> bool:
    try:
        return json.loads(httpx.get(f"http://{HOST}:{port}/livez", trust_env=False).text)["worker"] == "land"
    except httpx.TransportError:
        return False


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
