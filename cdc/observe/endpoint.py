"""The HTTP endpoint of a worker: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever runs the processes.

    GET /metrics    200, in the format that the client asks for (text or OpenMetrics, gzip)
    GET /livez      200, or 503 if a loop of the worker does not turn any more
    GET /readyz     200, or 503 while the worker lacks something

`/livez` and `/readyz` answer a JSON object: `worker`, `live` or `ready`, `conditions`, a list of name, reason (empty if
it is there) and note. Nothing here needs a login, and nothing here tells an address, a value or a secret.

A port that is taken does not end the worker: data is worth more than figures about it. A frozen worker keeps its port
until it is ended, and its successor gets the port then.
"""

from __future__ import annotations

import errno
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from socketserver import TCPServer
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler

import structlog
from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from cdc.config import Observe
from cdc.errors import CdcError, FatalError, TransientError
from cdc.observe.monitor import Monitor, Report

# A client that is connected and asks nothing must not keep its thread for ever.
_REQUEST_TIMEOUT_S: Final = 10.0
_TRY_AGAIN_S: Final = 5.0
_CLOSES_WITHIN_S: Final = 0.1
# Who scrapes, scrapes again within a minute; Prometheus' own default.
_SCRAPED_LATELY_S: Final = 60.0
_LAST_WORDS_S: Final = 30.0

_logger = structlog.get_logger()

_Start = Callable[..., Any]
_Answer = tuple[str, list[tuple[str, str]], bytes]


@contextmanager
def shown(worker: str, observe: Observe, restarts: int, stop: threading.Event) -> Iterator[Monitor]:
    """Serve a worker's monitor as long as the worker works. What ends it is there to be scraped once."""
    monitor = Monitor(worker, observe.stall_s, restarts)
    port = observe.port(worker)
    endpoint = Endpoint(monitor, observe.host, port) if port else None
    if endpoint is not None:
        endpoint.open()
    try:
        yield monitor
    except Exception as error:
        monitor.ended_by(error.code if isinstance(error, CdcError) else "APP-101")
        if endpoint is not None:
            endpoint.say_last_words(stop)
        raise
    finally:
        if endpoint is not None:
            endpoint.close()


class Endpoint:
    """Serves a monitor on one address, from `open` to `close`; all of it in daemon threads."""

    def __init__(self, monitor: Monitor, host: str, port: int, try_again_s: float = _TRY_AGAIN_S) -> None:
        self._monitor = monitor
        self._host, self._port, self._try_again_s = host, port, try_again_s
        self._place = f"{host}:{port}"
        self._metrics = make_wsgi_app(monitor.registry)
        self._server: _Server | None = None
        self._closed = threading.Event()
        self._scraped = threading.Event()
        self._scraped_at: float | None = None

    def open(self) -> None:
        """Listen, now or as soon as the port is free. Raises FatalError CFG-101 for an address that is not ours."""
        if not self._listen():
            taken = TransientError("OBS-101", self._place)
            self._monitor.failed(taken)
            _logger.warning("endpoint_waits", error=taken, worker=self._monitor.worker)
            threading.Thread(target=self._listen_later, name="endpoint", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def say_last_words(self, stop: threading.Event) -> None:
        """Where metrics are scraped: wait for the next scrape, which has to see what ends the worker.

        Returns at once if nobody has scraped in the last minute, and when `stop` is set.
        """
        if self._scraped_at is None or time.monotonic() - self._scraped_at > _SCRAPED_LATELY_S:
            return
        _logger.info("last_scrape_awaited", worker=self._monitor.worker, limit_s=_LAST_WORDS_S)
        self._scraped.clear()
        until = time.monotonic() + _LAST_WORDS_S
        while not self._scraped.wait(0.1) and not stop.is_set() and time.monotonic() < until:
            pass

    def _listen(self) -> bool:
        """Return whether the port was free."""
        try:
            self._server = _serve(self._host, self._port, self._answer)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                said = error.strerror or type(error).__name__
                raise FatalError("CFG-101", f"observe: nothing can listen on {self._place}: {said}") from error
            return False
        _logger.info("endpoint_opened", address=self._place)
        return True

    def _listen_later(self) -> None:
        while not self._closed.wait(self._try_again_s):
            if self._listen():
                return

    def _answer(self, environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        try:
            if path == "/metrics":
                return self._show_metrics(environ, start)
            status, headers, body = self._judge(path, environ["REQUEST_METHOD"])
        except Exception as error:  # noqa: BLE001 - the library would print it with all that it quotes
            _logger.error("endpoint_failed", error=error, path=path)
            status, headers, body = _text("500 Internal Server Error", "see the log of the worker\n")
        start(status, headers)
        return [body if environ["REQUEST_METHOD"] != "HEAD" else b""]

    def _show_metrics(self, environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._metrics(environ, start)
        self._scraped_at = time.monotonic()
        self._scraped.set()
        return answer

    def _judge(self, path: str, method: str) -> _Answer:
        if path not in ("/livez", "/readyz"):
            return _text("404 Not Found", "There are /metrics, /livez and /readyz.\n")
        if method not in ("GET", "HEAD"):
            return _text("405 Method Not Allowed", "use GET\n", ("Allow", "GET, HEAD"))
        if path == "/livez":
            return self._json("live", self._monitor.liveness())
        return self._json("ready", self._monitor.readiness())

    def _json(self, word: str, report: Report) -> _Answer:
        conditions = [asdict(condition) for condition in report.conditions]
        document = {"worker": self._monitor.worker, word: report.well, "conditions": conditions}
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        status = "200 OK" if report.well else "503 Service Unavailable"
        return status, headers, json.dumps(document, indent=2).encode() + b"\n"


def _text(status: str, text: str, *headers: tuple[str, str]) -> _Answer:
    return status, [("Content-Type", "text/plain; charset=utf-8"), *headers], text.encode()


class _Server(ThreadingWSGIServer):
    """One thread per request."""

    def server_bind(self) -> None:
        """Listen, without a look-up of the machine's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the signature is the library's
        """Say little: the client has gone, or asked for nothing in time."""
        _logger.debug("request_failed", exc_info=True)


class _Quiet(WSGIRequestHandler):
    timeout = _REQUEST_TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is the library's
        """Say nothing: a probe comes every few seconds."""

    def address_string(self) -> str:
        """Return the client's address as it is: a look-up of its name may take seconds."""
        return str(self.client_address[0])


def _serve(host: str, port: int, application: _Start) -> _Server:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]

    class Server(_Server):
        address_family = family

    server = Server((str(address[0]), port), _Quiet)
    server.set_app(application)
    threading.Thread(target=server.serve_forever, args=(_CLOSES_WITHIN_S,), name="endpoint", daemon=True).start()
    return server
