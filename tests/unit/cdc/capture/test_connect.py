from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import MappingProxyType

import httpx
import pytest

from cdc import access
from cdc.capture import connect as connect_module
from cdc.capture.answer import ABSENT, Status, Task
from cdc.capture.connect import Connect
from cdc.errors import FatalError, TransientError

OLD, NEW, WELL = (Status("RUNNING", (Task(0, *task),)) for task in (("FAILED", "old"), ("FAILED", "new"), ("RUNNING",)))


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        pytest.param([(0, OLD), (6, WELL)], "", id="the old task was shown for six seconds"),
        pytest.param([(0, OLD), (6, WELL), (7, NEW)], "CON-103 .*new", id="it runs for a second and fails"),
        pytest.param([(0, OLD), (1, NEW)], "CON-103 .*new", id="it fails for another reason"),
        pytest.param([(0, OLD)], "CON-103 .*old", id="it goes on failing"),
    ],
)
def test_a_failure_from_before_has_to_last(
    shown: list[tuple[float, Status]], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(connect_module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(connect_module.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    connect = Connect(access.Connect("http://127.0.0.1:9"))
    monkeypatch.setattr(connect, "status", lambda _: [status for since, status in shown if since <= now[0]][-1])
    with pytest.raises(FatalError, match=told) if told else nullcontext():
        connect.await_state("mes", "running", 2.0, "old")
    assert now[0] < 15


@pytest.mark.parametrize(
    ("offsets", "is_on"),
    [
        ([], True),
        # Recorded with the notification that the snapshot begins, before its first row.
        ([{}], True),
        ([{"ts_usec": 0}], True),
        ([{"lsn": 5, "snapshot": "INITIAL", "snapshot_completed": False}], True),
        ([{"file": "binlog.000001", "pos": 4, "snapshot": "INITIAL"}], True),
        ([{"lsn": 5, "txId": 7}], False),
        ([{"file": "binlog.000001", "pos": 4}], False),
    ],
)
def test_a_connector_is_in_its_first_snapshot_until_it_has_a_place_behind_it(
    monkeypatch: pytest.MonkeyPatch, offsets: list[dict[str, object]], is_on: bool
) -> None:
    answer = {"offsets": [{"partition": {"server": "s"}, "offset": offset} for offset in offsets]}
    monkeypatch.setattr(Connect, "_send", lambda *_arguments, **_options: answer)
    with Connect(access.Connect("http://127.0.0.1:1")) as connect:
        assert connect.in_snapshot("s") is is_on


@pytest.mark.parametrize(
    ("offsets", "is_unbegun"),
    [
        ([], False),
        ([{"lsn": 5, "snapshot": "INITIAL"}], False),
        ([{"lsn": 5}], False),
        ([{"file": "binlog.000001", "pos": 4}], False),
        ([{}], True),
        ([{"ts_usec": 0}], True),
    ],
)
def test_what_is_recorded_before_the_first_row_is_no_place(
    monkeypatch: pytest.MonkeyPatch, offsets: list[dict[str, object]], is_unbegun: bool
) -> None:
    answer = {"offsets": [{"partition": {"server": "s"}, "offset": offset} for offset in offsets]}
    monkeypatch.setattr(Connect, "_send", lambda *_arguments, **_options: answer)
    with Connect(access.Connect("http://127.0.0.1:1")) as connect:
        assert connect.is_unbegun("s") is is_unbegun
        assert connect.has_place("s") is (bool(offsets) and not is_unbegun)


@pytest.mark.parametrize("ask", [Connect.in_snapshot, Connect.has_place, Connect.is_unbegun])
def test_of_a_connector_that_is_not_there_nothing_is_recorded(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Connect, str], bool]
) -> None:
    # `connectors restart` and `read` ask this first: that Connect is not Connect would be the wrong answer.
    answer = httpx.Response(404, json={"error_code": 404, "message": "Connector s not found"})
    monkeypatch.setattr(Connect, "_send_once", lambda *_arguments: answer)
    with Connect(access.Connect("http://127.0.0.1:1")) as connect, pytest.raises(FatalError, match=r"CON-116 .*: s$"):
        ask(connect, "s")


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_connector_that_forgets_stands_still(monkeypatch: pytest.MonkeyPatch, is_recorded: bool) -> None:
    asked: list[str] = []

    def answer(_: Connect, method: str, path: str, **_options: object) -> object:
        step = path.rpartition("/")[2]
        if step == "offsets" and method == "GET":
            return {"offsets": [{"partition": {"server": "s"}, "offset": {"lsn": 5}}] * is_recorded}
        asked.append(f"{method} {step}")
        # A task that has failed is shown for a moment after the connector was told to stop.
        tasks = [{"id": 0, "state": "FAILED", "trace": "x"}] if asked.count("GET status") <= 2 else []
        return {"connector": {"state": "STOPPED"}, "tasks": tasks}

    monkeypatch.setattr(Connect, "_send", answer)
    with Connect(access.Connect("http://127.0.0.1:1")) as connect:
        connect.forget("s")
    assert asked == ["PUT stop", *["GET status"] * 3, *["DELETE offsets"] * is_recorded]


def test_a_connector_that_hangs_in_a_restart_is_stopped_by_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(_: Connect, method: str, path: str, **_options: object) -> object:
        asked.append(f"{method} {path.partition('?')[0]}")
        is_started = any(path.endswith("/restart") for path in asked)
        return {"connector": {"state": "STOPPED" if is_started else "RESTARTING"}, "tasks": []}

    monkeypatch.setattr(Connect, "_send", answer)
    with Connect(access.Connect("http://127.0.0.1:1")) as connect:
        connect.stop("s")
    status = "GET /connectors/s/status"
    assert asked == ["PUT /connectors/s/stop", status, "POST /connectors/s/restart", status]


def test_a_connector_is_removed_though_somebody_else_has_done_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the answer to the request before was lost."""
    missing = httpx.Response(404, json={"error_code": 404, "message": "Connector s not found"})
    monkeypatch.setattr(Connect, "_send_once", lambda *_: missing)
    with Connect(access.Connect("http://127.0.0.1:1")) as connect:
        connect.remove("s")


class _Server:
    """A web server that gives the answers it was told, in order, the last one again and again."""

    def __init__(self, *answers: tuple[int, str], headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.requests: list[str] = []
        left = list(answers)
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                requests.append(self.path)
                code, body = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(code)
                for header in headers.items():
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(body.encode(errors="surrogatepass"))

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - as the library has it

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> _Server:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_rebalance_passes() -> None:
    with _Server((409, '{"message": "rebalance"}'), (503, ""), (200, '{"connector.class": "b"}')) as server:
        with Connect(access.Connect(server.url)) as connect:
            assert connect.config("erp") == {"connector.class": "b"}
        assert server.requests == ["/connectors/erp/config"] * 3


def test_a_rebalance_that_lasts_is_reported() -> None:
    with _Server((409, "{}")) as server, Connect(access.Connect(server.url), patience_s=0.3) as connect:
        with pytest.raises(TransientError, match=r"CON-101.*409"):
            connect.status("erp")
        assert len(server.requests) > 1


@pytest.mark.parametrize(("found", "is_own"), [("b", True), ("c", False)])
def test_a_connector_is_there_though_the_answer_to_its_creation_was_lost(found: str, is_own: bool) -> None:
    with (
        _Server((409, "{}"), (200, json.dumps({"connector.class": found}))) as server,
        Connect(access.Connect(server.url), patience_s=0.0) as connect,
    ):
        if is_own:
            connect.create("erp", {"connector.class": "b"}, "stopped")
        else:
            with pytest.raises(TransientError, match="CON-101"):
                connect.create("erp", {"connector.class": "b"}, "stopped")


def test_a_setting_of_which_a_plugin_says_nothing_has_no_error() -> None:
    config = {"connector.class": "io.debezium.connector.mysql.MySqlConnector"}
    said = '{"definition": null, "value": null}, {"value": {"name": "a", "errors": [%s]}}'
    answers = [(200, f'{{"configs": [{said % errors}]}}') for errors in ("", '"it is wrong"')]
    with _Server(*answers) as server, Connect(access.Connect(server.url)) as connect:
        connect.validate(config)
        with pytest.raises(FatalError, match=r"(?s)CON-102.*it is wrong"):
            connect.validate(config)


POSTGRESQL = "io.debezium.connector.postgresql.PostgresConnector"


@pytest.mark.parametrize(
    ("version", "is_fit"),
    [
        ('"3.7.0.Final"', True),
        ('"3.10.1.Final"', True),
        ('"4.0.0.CR1"', True),
        ('"3.7.0.Alpha1"', False),
        ('"3.7.1.Beta1"', True),
        ('"3.6.3.Final"', False),
        ('"2.7.0.Final"', False),
        ('"unknown"', False),
        ("null", False),
    ],
)
def test_no_connector_is_made_with_a_plugin_that_loses_rows(version: str, *, is_fit: bool) -> None:
    installed = (
        f'[{{"class": "a.b", "type": "sink", "version": "1"}}, {{"class": "{POSTGRESQL}", "version": {version}}}]'
    )
    with (
        _Server((200, installed), (200, '{"configs": []}')) as server,
        Connect(access.Connect(server.url)) as connect,
        nullcontext() if is_fit else pytest.raises(FatalError, match=r"CON-191 .*not 3\.7 or newer"),
    ):
        connect.validate({"connector.class": POSTGRESQL})
    assert len(server.requests) == 1 + is_fit


def test_an_absent_connector_is_no_error() -> None:
    with (
        _Server((404, '{"error_code": 404, "message": "not found"}')) as server,
        Connect(access.Connect(server.url)) as connect,
    ):
        assert connect.status("erp") == Status(ABSENT)
        assert connect.config("erp") is None


def validate(connect: Connect, name: str) -> None:
    connect.validate({"connector.class": name})


NO_JSON = ["", "<html>", '{"a": ', "\x00", "\ud800", "[" * 100_000, "null", '"x"']


@pytest.mark.parametrize(
    ("ask", "others"),
    [
        (lambda connect: connect.names(), ["{}", "[1]"]),
        (lambda connect: connect.config("erp"), ["{}", "[]", '{"status": "UP"}']),
        (lambda connect: connect.status("erp"), ["{}", "[]", '{"connector": {"state": 1}, "tasks": []}']),
        (lambda connect: connect.offsets("erp"), ["{}", "[]", '{"offsets": [{}]}']),
        (lambda connect: connect.validate({"connector.class": "erp"}), ["{}", "[]", '{"configs": [{}]}']),
    ],
)
def test_what_has_not_the_form_of_an_answer_is_told(ask: Callable[[Connect], object], others: list[str]) -> None:
    answers = [(200, body) for body in (*NO_JSON, *others)]
    with _Server(*answers) as server, Connect(access.Connect(server.url)) as connect:
        for _, body in answers:
            with pytest.raises(FatalError, match="CON-105"):
                ask(connect)
            assert len(server.requests) == answers.index((200, body)) + 1


UNEXPECTED = [
    (500, "<html>", "status 500$"),
    (500, '{"error_code": 500, "message": "no, password=geheim"}', r"status 500: no, password=\*\*\*$"),
    (500, '{"message": null}', "status 500"),
    (500, "[1]", "status 500$"),
    (302, "", "status 302$"),  # a proxy that wants to see somebody first
    (400, "<html>", "status 400$"),
    (404, '{"error_code": 404, "message": "HTTP 404 Not Found"}', "status 404: HTTP 404"),
]


@pytest.mark.parametrize(
    "message",
    [
        "Could not read properties from file /etc/cdc/mes.properties",
        "Could not read file /etc/cdc/mes/password for property password",
        "Could not list directory /etc/cdc/mes",
    ],
)
def test_a_reference_that_connect_cannot_read_is_told_by_its_file(message: str) -> None:
    with (
        _Server((500, json.dumps({"error_code": 500, "message": message}))) as server,
        Connect(access.Connect(server.url)) as connect,
        pytest.raises(FatalError, match=f"CON-118 .*status 500: {message}"),
    ):
        connect.status("mes")


def test_a_status_that_nobody_expects_is_told() -> None:
    with (
        _Server(*((status, body) for status, body, _ in UNEXPECTED)) as server,
        Connect(access.Connect(server.url)) as connect,
    ):
        for _, _, told in UNEXPECTED:
            with pytest.raises(FatalError, match=f"CON-105 .*{told}"):
                connect.move("erp", "paused")


PASSING = [
    (502, "proxy"),
    (504, "proxy"),
    (500, '{"message": "Request timed out"}'),
    (500, '{"message": "Failed to modify offsets for source connector erp-read"}'),
    (500, '{"message": "Failed to perform zombie fencing for source connector prior to modifying offsets"}'),
    (500, '{"message": "IO Error trying to forward REST request: java.net.ConnectException"}'),
    (500, '{"message": "Unexpected status code when handling forwarded request: 503"}'),
    # While Connect starts it knows no path yet: that is not about a connector.
    (404, "<html>Error 404 Not Found"),
    (404, ""),
]


def test_what_passes_by_itself_is_no_answer() -> None:
    with _Server(*PASSING) as server, Connect(access.Connect(server.url), patience_s=0.0) as connect:
        for (status, _), ask in zip(PASSING, itertools.cycle((connect.status, connect.config, connect.delete))):
            with pytest.raises(TransientError, match=f"CON-101 .*status {status}"):
                ask("erp")


def test_an_encoding_that_is_none_is_told() -> None:
    with (
        _Server((200, "x"), headers={"Content-Encoding": "gzip"}) as server,
        Connect(access.Connect(server.url)) as connect,
        pytest.raises(FatalError, match="CON-105"),
    ):
        connect.config("erp")


def test_nobody_there_is_told_after_a_while(unused_port: int) -> None:
    with Connect(access.Connect(f"http://127.0.0.1:{unused_port}"), patience_s=0.3) as connect:  # noqa: SIM117
        with pytest.raises(TransientError, match="CON-101"):
            connect.status("erp")


@pytest.fixture
def unused_port() -> int:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port
