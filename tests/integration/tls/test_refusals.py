"""Who is not let in, or meets somebody that cannot be trusted, is told so by code, with the reason and no secret."""

from __future__ import annotations

import dataclasses
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import ResourceType

from cdc.access import Kafka, KafkaSecurity
from cdc.capture.catalogue import read_contracts
from cdc.capture.connect import Connect
from cdc.capture.encryption import Encryption
from cdc.capture.source import Source, load_sources
from cdc.config import Settings, load
from cdc.errors import NotAdmitted, TransientError
from cdc.reference import Secret
from cdc.store.connection import connect
from cdc.stream.topic import kafka_admin
from tests.authority import Identity
from tests.integration.stream_faults.worker import landing
from tests.integration.tls.plant import Plant
from tests.integration.tls.stack import PLAIN_PASSWORD

WRONG = "canary-that-is-wrong"
PATIENCE_MS = 700


@pytest.fixture(scope="package")
def settings(plant: Plant) -> Settings:
    return load(Path(plant.deployment.env["CDC_CONFIG"]), plant.deployment.env)


def refusal(action: Callable[[], object]) -> tuple[str, str]:
    """Return code and detail of what an action ends with."""
    with pytest.raises(NotAdmitted) as refused:
        action()
    assert WRONG not in refused.value.advice()
    return refused.value.code, refused.value.detail


@contextmanager
def shown_instead(path: Path, other: Identity, key: Path, reload: Callable[[], object]) -> Iterator[None]:
    """Let a server show another certificate for a while."""
    kept = [(file, file.read_bytes()) for file in (path, key)]
    shutil.copy(other.certificate, path)
    shutil.copy(other.key, key)
    reload()
    try:
        yield
    finally:
        for file, content in kept:
            file.write_bytes(content)
        reload()


# -- the target


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"password": Secret(WRONG)}, "TGT-102", "password authentication failed"),
        ({"sslrootcert": "STRANGER/ca.pem"}, "TGT-114", "self-signed certificate in certificate chain"),
        ({"host": "localhost"}, "TGT-114", 'does not match host name "localhost"'),
        ({"sslcert": None, "sslkey": None}, "TGT-114", "requires a valid client certificate"),
        ({"sslcert": "STRANGER/cdc.pem", "sslkey": "STRANGER/cdc.key"}, "TGT-114", "unknown ca"),
        ({"sslpassword": Secret(WRONG)}, "TGT-114", "could not load private key file"),
        ({"sslpassword": None}, "TGT-114", "could not load private key file"),
        ({"sslrootcert": "OWN/nowhere.pem"}, "TGT-114", "nowhere.pem"),
        ({"sslmode": "disable", "sslrootcert": None, "sslcert": None, "sslkey": None}, "TGT-102", "no encryption"),
    ],
)
def test_the_target(plant: Plant, settings: Settings, change: dict[str, Any], code: str, reason: str) -> None:
    target = dataclasses.replace(settings.target, **{name: placed(plant, value) for name, value in change.items()})
    found, detail = refusal(lambda: connect(target, "test"))
    assert found == code
    assert reason in detail
    assert f"cdc@{target.host}:{target.port}/cdc" in detail


def test_a_target_whose_certificate_has_expired(plant: Plant, settings: Settings) -> None:
    own, expired = plant.stack.issued("target"), plant.stack.issued("long-ago", expired=True)
    reload = lambda: plant.target.execute("SELECT pg_reload_conf(), pg_sleep(0.3)")  # noqa: E731 - used twice below
    with shown_instead(own.certificate, expired, own.key, reload):
        assert refusal(lambda: connect(settings.target, "test"))[1].endswith("certificate has expired")
    connect(settings.target, "test").close()


def test_names_are_not_verified_where_that_is_written_down(settings: Settings) -> None:
    connect(dataclasses.replace(settings.target, host="localhost", sslmode="verify-ca"), "test").close()


# -- the sources


@pytest.mark.parametrize(
    ("name", "change", "code", "reason"),
    [
        ("plant", {"password": "${env:WRONG}"}, "SRC-111", "password authentication failed"),
        ("plant", {"ca": "STRANGER/ca.pem"}, "SRC-112", "self-signed certificate in certificate chain"),
        ("plant", {"host": "localhost"}, "SRC-112", "does not match host name"),
        ("plant", {"certificate": "", "key": "", "key_password": ""}, "SRC-112", "requires a valid client certificate"),
        ("books", {"password": "${env:WRONG}"}, "SRC-111", "error 1045"),
        ("books", {"ca": "STRANGER/ca.pem"}, "SRC-112", "self-signed certificate in certificate chain"),
        ("books", {"host": "127.0.0.1"}, "SRC-112", "certificate is not valid for '127.0.0.1'"),
        ("books", {"ca": "OWN/nowhere.pem"}, "SRC-112", "nowhere.pem cannot be read"),
        ("books", {"mode": "disable", "ca": "", "truststore": ""}, "SRC-111", "error 1045"),
    ],
)
def test_a_source(plant: Plant, name: str, change: dict[str, str], code: str, reason: str) -> None:
    found, detail = refusal(lambda: read(plant, changed(plant, name, change)))
    assert found == code
    assert reason in detail


@pytest.mark.parametrize(("name", "server"), [("books", "erp"), ("plant", "mes")])
def test_a_source_whose_certificate_has_expired(plant: Plant, name: str, server: str) -> None:
    host = load_sources(plant.deployment.folder / "connector-configs")[name].host
    own, expired = plant.stack.issued(server), plant.stack.issued(f"long-ago-{name}", host, expired=True)

    def reload() -> None:
        if name == "plant":
            plant.plant.execute("SELECT pg_reload_conf(), pg_sleep(0.3)")
        else:
            with plant.books.cursor() as cursor:
                cursor.execute("FLUSH SSL")

    with shown_instead(own.certificate, expired, own.key, reload):
        found, detail = refusal(lambda: read(plant, changed(plant, name, {})))
    assert (found, detail.rpartition(": ")[2]) == ("SRC-112", "certificate has expired")
    read(plant, changed(plant, name, {}))


def changed(plant: Plant, name: str, change: dict[str, str]) -> Source:
    source = load_sources(plant.deployment.folder / "connector-configs")[name]
    tls = {key: str(placed(plant, value)) for key, value in change.items() if hasattr(source.encryption, key)}
    rest = {key: value for key, value in change.items() if key not in tls}
    encryption: Encryption = dataclasses.replace(source.encryption, **tls)
    return dataclasses.replace(source, tls=encryption, **rest)


def read(plant: Plant, source: Source) -> None:
    read_contracts(source, {**plant.deployment.env, "WRONG": WRONG})


# -- Kafka


@pytest.mark.parametrize(
    ("listener", "change", "code", "reason"),
    [
        ("LOGIN", {"password": Secret(WRONG)}, "STR-113", "cdc by SCRAM-SHA-512: Authentication failed"),
        ("LOGIN", {"mechanism": "PLAIN"}, "STR-113", "cdc by PLAIN: Authentication failed"),
        ("LOGIN", {"mechanism": "SCRAM-SHA-256"}, "STR-113", "cdc by SCRAM-SHA-256: UnsupportedSaslMechanismError"),
        ("LOGIN", {"password": Secret.behind("${env:NOBODY}", {})}, "STR-113", "variable NOBODY is not set"),
        ("LOGIN", {"ca": "STRANGER/ca.pem"}, "STR-114", "unable to get local issuer certificate"),
        ("LOGIN", {"ca": "OWN/nowhere.pem"}, "STR-114", "nowhere.pem cannot be read"),
        ("localhost LOGIN", {}, "STR-114", "certificate is not valid for 'localhost'"),
        ("EXPIRED", {"protocol": "SSL"}, "STR-114", "certificate has expired"),
        ("MTLS", {"protocol": "SSL"}, "STR-114", "it does not accept us, its alert is: "),
        (
            "MTLS",
            {"protocol": "SSL", "certificate": "STRANGER/cdc.pem", "key": "STRANGER/cdc.key"},
            "STR-114",
            "it does not accept us, its alert is: ",
        ),
    ],
)
def test_kafka(plant: Plant, settings: Settings, listener: str, change: dict[str, Any], code: str, reason: str) -> None:
    kafka = brokers(plant, settings, listener, change)
    found, detail = refusal(lambda: topics(kafka))
    assert found == code
    assert reason in detail


@pytest.mark.parametrize(
    ("listener", "change"),
    [
        ("MTLS", {"protocol": "SSL", "certificate": "OWN/admin.pem", "key": "OWN/admin.key"}),
        ("LOGIN", {"mechanism": "PLAIN", "password": Secret(PLAIN_PASSWORD)}),
        ("localhost LOGIN", {"verify": "ca"}),
    ],
)
def test_kafka_lets_in(plant: Plant, settings: Settings, listener: str, change: dict[str, Any]) -> None:
    assert "cdc.books" in topics(brokers(plant, settings, listener, change))


def test_what_does_not_speak_tls_is_no_refusal_and_is_not_waited_for(plant: Plant, settings: Settings) -> None:
    controller = f"127.0.0.1:{plant.stack.env['CDC_PORT_CONTROLLER']}"  # speaks plainly, as a wrong port would
    with pytest.raises(TransientError, match=r"STR-109 .*Handshake failed"):
        topics(Kafka(controller, settings.kafka.security))
    with pytest.raises(TransientError, match="STR-109"):
        topics(Kafka(plant.stack.kafka_address("LOGIN"), KafkaSecurity("PLAINTEXT")))


def brokers(plant: Plant, settings: Settings, listener: str, change: dict[str, Any]) -> Kafka:
    host, _, name = listener.rpartition(" ")
    address = plant.stack.kafka_address(name)
    if host:
        address = f"{host}:{address.rpartition(':')[2]}"
    security = dataclasses.replace(
        settings.kafka.security, **{key: placed(plant, value) for key, value in change.items()}
    )
    return Kafka(address, security)


def topics(kafka: Kafka) -> list[str]:
    with kafka_admin(kafka, PATIENCE_MS) as admin:
        found: list[str] = admin.list_topics()
        return found


# -- Kafka Connect


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"ca": "STRANGER/ca.pem"}, "CON-110", "unable to get local issuer certificate"),
        ({"url": "https://localhost:PORT"}, "CON-110", "certificate is not valid for 'localhost'"),
        ({"certificate": None, "key": None}, "CON-110", "it does not accept us, its alert is: bad certificate"),
        (
            {"certificate": "STRANGER/cdc.pem", "key": "STRANGER/cdc.key"},
            "CON-110",
            "its alert is: certificate unknown",
        ),
        ({"key": "OWN/admin.key"}, "CON-110", "cdc.pem and its key are not usable: key values mismatch"),
    ],
)
def test_connect(plant: Plant, settings: Settings, change: dict[str, Any], code: str, reason: str) -> None:
    values = {name: placed(plant, value) for name, value in change.items()}
    if "url" in values:
        values["url"] = values["url"].replace("PORT", plant.stack.env["CDC_PORT_CONNECT"])
    with Connect(dataclasses.replace(settings.connect, **values), patience_s=1.0) as client:
        found, detail = refusal(lambda: client.config("books"))
    assert found == code
    assert reason in detail


def test_connect_with_a_certificate_that_has_expired(plant: Plant, settings: Settings) -> None:
    with (
        rest_interface(plant.stack.issued("long-ago", expired=True)) as url,
        Connect(dataclasses.replace(settings.connect, url=url)) as client,
    ):
        assert refusal(lambda: client.config("x")) == (
            "CON-110",
            f"{url}: its certificate is not accepted: certificate has expired",
        )


def test_an_authority_that_is_replaced_is_taken_by_a_client_that_runs(
    plant: Plant, settings: Settings, tmp_path: Path
) -> None:
    shutil.copy(plant.stack.stranger.ca, tmp_path / "ca.pem")
    with Connect(dataclasses.replace(settings.connect, ca=tmp_path / "ca.pem")) as client:
        assert refusal(lambda: client.config("books"))[0] == "CON-110"
        shutil.copy(plant.stack.authority.ca, tmp_path / "ca.pem")
        assert client.config("books") is not None


def test_connect_with_a_login(plant: Plant, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"rest={WRONG}")
    password = Secret.behind(f"${{file:{tmp_path}/secret:rest}}", {})
    login = dataclasses.replace(settings.connect, user="cdc", password=password)
    with (
        rest_interface(plant.stack.issued("connect")) as url,
        Connect(dataclasses.replace(login, url=url)) as client,
    ):
        assert refusal(lambda: client.config("x")) == ("CON-111", "status 401")
        (tmp_path / "secret").write_text("rest=right")
        assert client.config("x") == {"connector.class": "x"}


@contextmanager
def rest_interface(identity: Identity) -> Iterator[str]:
    """Serve HTTPS to whoever logs in as cdc with the password `right`."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_right = self.headers.get("Authorization") == "Basic Y2RjOnJpZ2h0"
            self.send_response(200 if is_right else 401)
            self.end_headers()
            self.wfile.write(b'{"connector.class": "x"}' if is_right else b"{}")

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.certificate, identity.key)
    server = HTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


# -- workers that start


@pytest.mark.parametrize(("secret", "code"), [("target", "TGT-102"), ("kafka", "STR-113")])
def test_a_worker_that_is_not_let_in_ends_and_says_why(plant: Plant, secret: str, code: str) -> None:
    right = plant.secrets()[secret]
    plant.set_secrets(**{secret: WRONG})
    try:
        with landing(plant.deployment) as worker:
            worker.must_fail(code)
            assert WRONG not in worker.said()
    finally:
        plant.set_secrets(**{secret: right})


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [(ResourceType.TOPIC, "cdc.", "cdc.books"), (ResourceType.GROUP, "cdc-land", "cdc-land")],
    ids=["topic", "group"],
)
def test_a_worker_without_a_right(plant: Plant, kind: ResourceType, name: str, told: str) -> None:
    with plant.stack.without_right("cdc", kind, name, "READ"), landing(plant.deployment) as worker:
        worker.must_fail("STR-111")
        assert told in worker.said()


def placed(plant: Plant, value: Any) -> Any:
    """Return a value with the places of the two authorities in it; paths become paths."""
    if not isinstance(value, str):
        return value
    text = value.replace("OWN", str(plant.stack.authority.folder)).replace("STRANGER", str(plant.stack.stranger.folder))
    return Path(text) if value.startswith(("OWN", "STRANGER")) else text
