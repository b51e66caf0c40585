from __future__ import annotations

import dataclasses
import socket
import struct
import threading
from collections.abc import Iterator

import psycopg
import pytest

from cdc.config import Target
from cdc.errors import CdcError, FatalError, TransientError
from cdc.reference import Secret
from cdc.store.connection import classify, connect, reconnect


@pytest.fixture
def connection(target: Target) -> Iterator[psycopg.Connection]:
    with connect(target, "test") as connection:
        yield connection


def raised(connection: psycopg.Connection, statement: str) -> CdcError:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode())
    return classify(caught.value)


def test_a_session_has_the_limits_and_the_text_formats(connection: psycopg.Connection) -> None:
    names = (
        "application_name",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "statement_timeout",
        "TimeZone",
        "DateStyle",
        "IntervalStyle",
        "client_encoding",
    )
    shown = {name: connection.execute(f"SHOW {name}".encode()).fetchone() for name in names}
    assert {name: row and row[0] for name, row in shown.items()} == {
        "application_name": "test",
        "idle_in_transaction_session_timeout": "3s",
        "lock_timeout": "10s",
        "statement_timeout": "5min",
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "postgres",
        "client_encoding": "UTF8",
    }
    assert not connection.autocommit


@pytest.mark.parametrize(
    "wrong",
    [{"password": Secret("wrong-secret")}, {"user": "nobody"}, {"database": "nowhere"}],
    ids=["password", "user", "database"],
)
def test_a_refused_login_is_fatal_and_names_the_place_but_no_secret(target: Target, wrong: dict[str, str]) -> None:
    with pytest.raises(FatalError, match="TGT-102") as caught:
        connect(dataclasses.replace(target, **wrong), "test")  # type: ignore[arg-type]
    assert f":{target.port}/" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)
    assert target.password.reveal() not in str(caught.value)


def test_a_login_that_is_refused_is_waited_for_by_who_runs_already(target: Target) -> None:
    with pytest.raises(TransientError, match=r"TGT-124 .*TGT-102, .*password authentication failed"):
        reconnect(dataclasses.replace(target, password=Secret("wrong-secret")), "test")
    with pytest.raises(TransientError, match=r"TGT-124 .*server does not support SSL"):
        reconnect(dataclasses.replace(target, sslmode="require"), "test")
    with pytest.raises(TransientError, match=r"TGT-124 .*variable NOBODY is not set"):
        reconnect(dataclasses.replace(target, password=Secret.behind("${env:NOBODY}", {})), "test")


def test_a_session_is_not_encrypted_by_what_the_user_has_at_home(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", "/nowhere")
    connect(target, "test").close()


def test_a_server_that_does_not_answer_is_transient(target: Target) -> None:
    with pytest.raises(TransientError, match=r"TGT-101 .*:1/cdc_store_test_connection: .*refused"):
        connect(dataclasses.replace(target, port=1), "test")


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_a_server_that_is_lost_after_the_password_has_refused_nothing(target: Target, resets: bool) -> None:
    """As when it crashes at that moment, or the network does: who starts then has no wrong password."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=ask_for_password_and_go, args=(listener, resets))
        server.start()
        with pytest.raises(TransientError, match="TGT-101"):
            connect(dataclasses.replace(target, port=listener.getsockname()[1]), "test")
        server.join()


def ask_for_password_and_go(listener: socket.socket, resets: bool) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1024)  # the start of a session
        connection.sendall(b"R\0\0\0\x08\0\0\0\x03")  # the password in clear text, please
        connection.recv(1024)
        if resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_host_that_does_not_exist_is_transient(target: Target) -> None:
    with pytest.raises(TransientError, match="TGT-101"):
        connect(dataclasses.replace(target, host="no.such.host.invalid"), "test")


def test_a_session_that_was_ended_is_transient_then_and_afterwards(
    connection: psycopg.Connection, target: Target
) -> None:
    with connect(target, "killer") as killer:
        killer.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
    assert (raised(connection, "SELECT 1").code, raised(connection, "SELECT 1").code) == ("TGT-101", "TGT-101")


def test_a_time_limit_is_transient(connection: psycopg.Connection) -> None:
    connection.execute("SET statement_timeout = 10")
    assert raised(connection, "SELECT pg_sleep(5)").code == "TGT-122"


def test_a_lock_that_is_not_released_is_transient(connection: psycopg.Connection, target: Target) -> None:
    connection.execute("CREATE TABLE public.locked (id int)")
    connection.commit()
    connection.execute("LOCK TABLE public.locked")
    with connect(target, "other") as other:
        other.execute("SET lock_timeout = 10")
        assert raised(other, "SELECT * FROM public.locked").code == "TGT-120"


def test_a_deadlock_is_transient(connection: psycopg.Connection, target: Target) -> None:
    connection.execute("CREATE TABLE public.a (id int); CREATE TABLE public.b (id int)")
    connection.commit()
    found: list[str] = []

    def lock(session: psycopg.Connection, table: str) -> None:
        try:
            session.execute(f"LOCK TABLE public.{table}".encode())
        except psycopg.Error as error:
            found.append(classify(error).code)
            session.rollback()

    with connect(target, "other") as other:
        connection.execute("LOCK TABLE public.a")
        other.execute("LOCK TABLE public.b")
        thread = threading.Thread(target=lock, args=(other, "a"))
        thread.start()
        lock(connection, "b")
        thread.join()
    assert found == ["TGT-120"]


def test_a_table_that_changes_under_a_prepared_statement_is_transient(
    connection: psycopg.Connection, target: Target
) -> None:
    connection.execute("CREATE TABLE public.t (a int)")
    connection.execute("SELECT * FROM public.t", prepare=True)
    connection.commit()
    with connect(target, "other") as other:
        other.execute("ALTER TABLE public.t ADD COLUMN b int")
    with pytest.raises(psycopg.Error) as caught:
        connection.execute("SELECT * FROM public.t", prepare=True)
    assert classify(caught.value).code == "TGT-120"


def test_a_read_only_target_is_transient(connection: psycopg.Connection) -> None:
    connection.execute("SET TRANSACTION READ ONLY")
    assert raised(connection, "CREATE TABLE public.t (a int)").code == "TGT-123"


@pytest.mark.parametrize(
    ("statement", "code", "place"),
    [
        ("SELECT * FROM cdc.nothing", "TGT-107", "cdc.nothing"),
        ("SELECT nothing FROM pg_class", "TGT-107", "nothing"),
        ("SELECT * FROM pg_authid", "TGT-106", "pg_authid"),
        ("SELECT 'cell-value'::int", "TGT-108", "22P02"),
        ("SELECT 1 'cell-value'", "TGT-108", "42601"),
        ("DO $$ BEGIN RAISE EXCEPTION 'cell-value'; END $$", "TGT-108", "P0001"),
    ],
)
def test_what_does_not_pass_by_itself_is_fatal_and_names_the_place(
    connection: psycopg.Connection, statement: str, code: str, place: str
) -> None:
    error = raised(connection, statement)
    assert (type(error), error.code) == (FatalError, code)
    assert place in str(error)
    assert "cell-value" not in str(error)


def test_a_violated_constraint_is_named_without_its_values(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE public.t (name text CONSTRAINT one_of_each UNIQUE)")
    connection.execute("INSERT INTO public.t VALUES ('cell-value')")
    error = raised(connection, "INSERT INTO public.t VALUES ('cell-value')")
    assert str(error).endswith("SQLSTATE 23505 (UniqueViolation), public.t.one_of_each")
