"""What stands between the service and Kafka Connect, and goes wrong on order: an HTTP proxy on the loopback address.

It goes wrong before a request has reached Connect, or behind it: Connect has done then what it was asked, and the
answer is lost.
"""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

import httpx

_TIMEOUT_S: Final = 100.0
_ALWAYS: Final = 1_000_000


def _answer(status: str, kind: str, body: str) -> bytes:
    heads = f"Content-Type: {kind}", f"Content-Length: {len(body.encode())}", "Connection: close"
    return "\r\n".join((f"HTTP/1.1 {status}", *heads, "", body)).encode()


def _said(code: int, message: str) -> bytes:
    """What Connect says itself."""
    return _answer(f"{code} -", "application/json", json.dumps({"error_code": code, "message": message}))


REBALANCE: Final = _said(409, "Cannot complete request because of a conflicting operation (e.g. worker rebalance)")
FAULT: Final = _said(500, "no way: password=geheim")
NOT_READY: Final = _answer("404 Not Found", "text/html", "<html>HTTP ERROR 404 Not Found</html>")
PAGE: Final = _answer("200 OK", "text/html", "<html>Please log in</html>")
OTHERS: Final = _answer("200 OK", "application/json", '{"status": "UP"}')
GARBAGE: Final = b"\x15\x03\x01\x00\x02\x02\x16" * 40
NOTHING: Final = b""
"""The connection is closed."""
SILENCE: Final = b"silence"
"""It stays open."""


class Gateway:
    """Listens on `url` while it is entered, and passes on to `upstream`, the address of Connect.

    `changes` has what Connect was asked to change, in order: method and path. `tls` has the certificate that it shows;
    who has not the `login` (the header's value) is told 401.
    """

    def __init__(self, upstream: str, *, tls: ssl.SSLContext | None = None, login: str | None = None) -> None:
        self.changes: list[str] = []
        self._upstream = httpx.Client(base_url=upstream, timeout=_TIMEOUT_S, trust_env=False)
        # How many requests are not passed on; the answer to which change is lost.
        self._fault, self._left, self._lost = NOTHING, 0, -1
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": self}))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.server_port}"
        self.login = login

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._upstream.close()

    def go_wrong(self, fault: bytes, times: int = _ALWAYS) -> None:
        """Answer the next requests like this, and pass none of them on."""
        self._begin(fault, times, -1)

    def lose_answer(self, fault: bytes, number: int) -> None:
        """Answer like this when Connect has done what it was asked: the change of that number from now on, from 0."""
        self._begin(fault, 0, number)

    def go_well(self) -> None:
        """Pass everything on."""
        self._begin(NOTHING, 0, -1)

    @property
    def has_gone_wrong(self) -> bool:
        """Whether it has done so as often as it was to."""
        return self._left == 0 and self._lost < len(self.changes)

    def pass_on(self, method: str, path: str, body: bytes) -> bytes:
        """Return the answer to a request, byte by byte."""
        with self._lock:
            if self._left:
                self._left -= 1
                return self._fault
        answer = self._upstream.request(method, path, content=body, headers={"Content-Type": "application/json"})
        if method != "GET" and not path.endswith("/validate"):
            self.changes.append(f"{method} {path}")
            if self._lost == len(self.changes) - 1:
                return self._fault
        kind = answer.headers.get("Content-Type", "application/json")
        return _answer(f"{answer.status_code} -", kind, answer.text)

    def _begin(self, fault: bytes, left: int, lost: int) -> None:
        with self._lock:
            self._fault, self._left, self._lost = fault, left, lost
            self.changes.clear()

    def be_silent(self) -> None:
        """Wait for the end."""
        self._closing.wait(_TIMEOUT_S)


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_let_in = self.gateway.login in (None, self.headers.get("Authorization"))
        answer = self.gateway.pass_on(self.command, self.path, body) if is_let_in else _said(401, "who are you?")
        if answer == SILENCE:
            self.gateway.be_silent()
        else:
            self.wfile.write(answer)
        self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - as the library has it

    def log_message(self, *_: object) -> None:
        pass
