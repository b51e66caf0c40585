"""A client of a worker's endpoint."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Client:
    """Scrapes one endpoint."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> httpx.Response:
        """Get a page; the worker may just be starting."""
        answers: list[httpx.Response] = []

        def answered() -> bool:
            try:
                answers.append(httpx.get(self._url + path, trust_env=False, timeout=30))
            except httpx.TransportError:
                return False
            return True

        self.until(answered)
        return answers[-1]

    def samples(self) -> dict[tuple[str, Labels], float]:
        """Scrape: values by name and labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}

    def sample(self, name: str, **labels: str) -> float:
        """Scrape one value; a metric that is not there is an error."""
        return self.samples()[name, tuple(sorted(labels.items()))]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; the limit only ends a test that would hang."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)
