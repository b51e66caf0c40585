"""Rows arrive, with every connection encrypted, verified and authorised. Passwords and certificates are replaced while
`cdc run` lands: nothing is started again, lost, or shown.

The tests stand in an order: all of them look at one run, from its start to its end.
"""

from __future__ import annotations

import base64
import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.service import eventually
from tests.integration.stream_faults.worker import await_event, events
from tests.integration.tls.plant import CANARY, SETTINGS, Plant, secret
from tests.integration.tls.stack import REAUTHENTICATION_S

IDENTITY = "      certificate: OWN/connect.pem\n      key: OWN/connect.key\n"
CHILDREN = ["land", "derive", "watch"]
_numbers = itertools.count(100)


@pytest.fixture(scope="module")
def log(plant: Plant) -> Iterator[Path]:
    """The log of `cdc run`, which runs as long as the tests do; its children have to be those that it started with."""
    path = plant.deployment.folder / "run.log"
    with plant.deployment.running():
        yield path
        assert [event["child"] for event in events(path) if event["event"] == "child_started"] == CHILDREN
        assert not {"child_died", "child_failed"} & {event["event"] for event in events(path)}


def must_arrive(plant: Plant, *names: str, seconds: float = 60) -> None:
    """Insert a row into sources and wait until it is in the mirrors."""
    for name in names:
        number = next(_numbers)
        plant.insert(name, number)
        query = f"SELECT name FROM {name}.item WHERE id = {number}"
        eventually(plant.target, query, [(f"part {number}",)], seconds)


def await_warning(log: Path, worker: str, code: str, since: int) -> None:
    """Wait until a worker has said that it waits, and why; `since` is how much of the log is older."""
    await_event(log, lambda event: (event.get("worker"), event.get("code")) == (worker, code), since)


def end_sessions(plant: Plant) -> None:
    """End the sessions of the service at the target."""
    plant.target.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cdc'")


def test_rows_arrive(plant: Plant, log: Path) -> None:
    for name in ("books", "plant"):
        eventually(plant.target, f"SELECT name FROM {name}.item WHERE id = 1", [("part 1",)])
    must_arrive(plant, "books", "plant")


def test_the_targets_password(plant: Plant, log: Path) -> None:
    since = len(events(log))
    plant.set_password("target", secret("target", 2))
    end_sessions(plant)
    await_warning(log, "land", "TGT-124", since)
    plant.insert("books", 3)
    plant.set_secrets(target=secret("target", 2))
    eventually(plant.target, "SELECT name FROM books.item WHERE id = 3", [("part 3",)])
    must_arrive(plant, "plant")


def test_the_services_password_at_the_brokers(plant: Plant, log: Path) -> None:
    since = len(events(log))
    plant.stack.set_kafka_password("cdc", f"{CANARY}kafka-2")
    # Whoever is connected has to log in again after a while, with the password that was changed.
    await_warning(log, "land", "STR-115", since)
    plant.insert("books", 4)
    plant.set_secrets(kafka=f"{CANARY}kafka-2")
    eventually(plant.target, "SELECT name FROM books.item WHERE id = 4", [("part 4",)])
    settled = len(events(log))
    time.sleep(1.5 * REAUTHENTICATION_S)  # it logs in again with the new one, nobody notices
    assert "STR-115" not in [event.get("code") for event in events(log)[settled + 1 :]]
    must_arrive(plant, "plant", "books")


def test_a_sources_password(plant: Plant, log: Path) -> None:
    since = len(events(log))
    for name in ("plant", "books"):
        plant.set_password(name, secret(name, 2))
    # The catalogue is not read for a while, the stream goes on: its connection is open.
    await_warning(log, "land", "SRC-113", since)
    must_arrive(plant, "plant", "books")
    plant.set_secrets(plant=secret("plant", 2), books=secret("books", 2))
    plant.plant.execute("ALTER TABLE item ADD COLUMN note text")
    plant.plant.execute("UPDATE item SET note = 'read by the catalogue' WHERE id = 1")
    eventually(plant.target, "SELECT note FROM plant.item WHERE id = 1", [("read by the catalogue",)])
    # A connector takes what stands in the file now when it is restarted.
    plant.deployment.cdc("connectors", "restart")
    must_arrive(plant, "plant", "books")


def test_the_targets_certificates(plant: Plant, log: Path) -> None:
    """The service's own is issued again, then server and authority are replaced by others: first trust, then show."""
    own, stranger = plant.stack.authority, plant.stack.stranger
    stranger_server = stranger.issue("target", ("127.0.0.1",))
    files = plant.stack.issued("target")
    kept = own.ca.read_bytes()
    own.ca.write_bytes(kept + stranger.ca.read_bytes())
    shutil.copy(stranger_server.certificate, files.certificate)
    shutil.copy(stranger_server.key, files.key)
    plant.target.execute("SELECT pg_reload_conf(), pg_sleep(0.3)")
    end_sessions(plant)
    must_arrive(plant, "plant")
    server = (
        "SELECT ssl, issuer_dn FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'cdc land'"
    )
    eventually(plant.target, server, [(True, f"/CN=authority {own.folder.name}")])


def test_no_secret_shows(plant: Plant, log: Path) -> None:
    outputs = {
        "check": plant.deployment.cdc("check", "--json"),
        "status": plant.deployment.cdc("status", "--json"),
        "connectors": plant.deployment.cdc("connectors", "status", "--json"),
        "processes": processes(),
        **{f"metrics of {worker}": metrics(plant, worker) for worker in ("LAND", "DERIVE", "WATCH")},
        "run": log.read_text(),
        "connect": (plant.stack.local / "log" / "connect.log").read_text(),
        "render": plant.deployment.cdc("connectors", "render", "books"),
    }
    assert "land --member" in outputs["processes"]
    assert 'cdc_transient_failures_total{code="TGT-124"}' in outputs["metrics of LAND"]
    assert "${file:" in outputs["render"]
    secrets = {*plant.secrets().values(), *(secret(name, n) for name in ("target", "books", "plant") for n in (1, 2))}
    for name, output in outputs.items():
        assert CANARY not in output, name
        assert not [word for word in secrets if any(form in output for form in forms(word))], name
    # The search does find what is there.
    assert CANARY in str(plant.secrets())


@pytest.mark.slow
def test_a_source_that_ends_its_sessions_after_its_password(plant: Plant, log: Path) -> None:
    """Without anybody who restarts the connector, the watch does: its logins are refused, or it says nothing."""
    plant.set_password("plant", secret("plant", 3))
    plant.set_secrets(plant=secret("plant", 3))
    plant.plant.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'capture'")
    must_arrive(plant, "plant", seconds=120)
    assert "plant" in [event["source"] for event in events(log) if event["event"] == "connector_restarted"]


@pytest.mark.slow
def test_connectors_that_show_a_certificate_to_the_brokers(plant: Plant, log: Path) -> None:
    """The connectors' own clients, by the texts of two files instead of a password."""
    plant.write(
        "cdc.yaml",
        SETTINGS.replace(
            "bootstrap: KAFKA\n    security:", f"bootstrap: {plant.stack.kafka_address('MTLS')}\n    security:"
        )
        .replace("protocol: SASL_SSL\n", "protocol: SSL\n")
        .replace(
            "      mechanism: SCRAM-SHA-512\n      user: connect\n      password: ${file:SECRETS:connect}\n", IDENTITY
        ),
    )
    plant.deployment.cdc("connectors", "apply")
    rendered = plant.deployment.cdc("connectors", "render", "books")
    assert "BEGIN" not in rendered
    assert '"schema.history.internal.consumer.ssl.keystore.key": "${dir:' in rendered
    with plant.books.cursor() as cursor:
        cursor.execute("ALTER TABLE item ADD COLUMN later int")  # goes through the history
    must_arrive(plant, "plant")
    plant.books.cursor().execute("INSERT INTO item VALUES (5000, 'part 5000', 1)")
    eventually(plant.target, "SELECT later FROM books.item WHERE id = 5000", [(1,)])


def forms(word: str) -> Iterator[str]:
    """Yield how a secret may be written: as it is, in base64, in hex."""
    yield word
    yield base64.b64encode(word.encode()).decode().rstrip("=")
    yield word.encode().hex()


def metrics(plant: Plant, worker: str) -> str:
    """Return what a worker tells everybody who asks."""
    with httpx.Client(base_url=f"http://127.0.0.1:{plant.stack.env[f'CDC_PORT_{worker}']}", trust_env=False) as client:
        return "".join(client.get(path).text for path in ("/metrics", "/livez", "/readyz"))


def processes() -> str:
    """Return all command lines, as `ps` shows them, but those of the servers that are not the service's."""
    lines: list[str] = []
    read: Callable[[Path], str] = lambda path: path.read_text(errors="replace")  # noqa: E731
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(read(path))
        except OSError:
            continue
    return "\n".join(line.replace("\0", " ") for line in lines)
