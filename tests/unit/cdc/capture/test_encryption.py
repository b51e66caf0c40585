"""The group `tls` of a connector file: what is taken, what a connector is told, and how its Kafka clients log in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cdc.access import Kafka, KafkaSecurity
from cdc.capture.connector import render
from cdc.capture.login import login_of
from cdc.capture.source import Source, load_sources
from cdc.errors import FatalError, NotAdmitted
from cdc.reference import Secret

FILE = """\
kind: KIND
host: HOST
port: 1
database: d
user: u
password: ${env:PASSWORD}
tables: [TABLE]
"""
TABLES = {"postgresql": "public.t", "mariadb": "t", "mysql": "t"}
BROKERS = Kafka("broker:9092")


def write(folder: Path, kind: str, tls: str = "", host: str = "db.plant") -> Path:
    text = FILE.replace("KIND", kind).replace("HOST", host).replace("TABLE", TABLES[kind])
    (folder / "src.yaml").write_text(text + (f"tls: {tls}\n" if tls else ""))
    return folder


def source(folder: Path, kind: str, tls: str = "", host: str = "db.plant") -> Source:
    return load_sources(write(folder, kind, tls, host))["src"]


def rendered(folder: Path, kind: str, tls: str = "", host: str = "db.plant") -> dict[str, str]:
    config = render(source(folder, kind, tls, host), BROKERS, {})
    return {key.removeprefix("database."): value for key, value in config.items() if key.startswith("database.ssl")}


@pytest.mark.parametrize(
    ("kind", "tls", "settings"),
    [
        ("postgresql", "{mode: disable}", {"sslmode": "disable"}),
        ("mariadb", "{mode: disable}", {"ssl.mode": "disable"}),
        ("mariadb", "", {"ssl.mode": "verify-full"}),
        ("mariadb", "{mode: require}", {"ssl.mode": "trust"}),
        ("mysql", "{mode: disable}", {"ssl.mode": "disabled"}),
        ("mysql", "{mode: require}", {"ssl.mode": "required"}),
        (
            "mysql",
            "{mode: verify-ca, ca: /ca.pem, truststore: /ca.p12}",
            {"ssl.mode": "verify_ca", "ssl.truststore": "/ca.p12"},
        ),
        ("postgresql", "{ca: /ca.pem}", {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}),
        (
            "postgresql",
            '{mode: verify-ca, ca: "${env:TLS}/ca.pem", certificate: /a.pem, key: /a.key}',
            {"sslmode": "verify-ca", "sslrootcert": "${env:TLS}/ca.pem", "sslcert": "/a.pem", "sslkey": "/a.key"},
        ),
        (
            "postgresql",
            '{ca: /ca.pem, certificate: /a.pem, key: /a.key, key_password: "${env:K}", keystore: /a.p12,'
            ' keystore_password: "${env:S}"}',
            {"sslmode": "verify-full", "sslrootcert": "/ca.pem", "sslkey": "/a.p12", "sslpassword": "${env:S}"},
        ),
        (
            "mariadb",
            '{ca: /ca.pem, truststore: /ca.p12, truststore_password: "${env:S}"}',
            {"ssl.mode": "verify-full", "ssl.truststore": "/ca.p12", "ssl.truststore.password": "${env:S}"},
        ),
    ],
)
def test_a_connector_is_told_in_its_own_words(tmp_path: Path, kind: str, tls: str, settings: dict[str, str]) -> None:
    assert rendered(tmp_path, kind, tls) == settings


def test_loopback_is_no_network_but_a_reference_may_be_any(tmp_path: Path) -> None:
    assert rendered(tmp_path, "postgresql", host="127.0.0.1") == {"sslmode": "disable"}
    assert rendered(tmp_path, "mariadb", host="${env:HOST}") == {"ssl.mode": "verify-full"}


@pytest.mark.parametrize(
    ("kind", "tls", "fault"),
    [
        ("postgresql", "", "tls.ca is missing: mode is verify-full"),
        ("postgresql", "{mode: prefer}", "mode is none of verify-full, verify-ca, require, disable"),
        ("postgresql", "{cafile: /ca.pem}", "cafile is not an entry of tls"),
        ("postgresql", "yes", "tls is not a group of entries"),
        ("postgresql", "{ca: [/ca.pem]}", "ca is not a single value"),
        ("postgresql", "{mode: disable, ca: /ca.pem}", "tls.ca is of no use: mode is disable"),
        ("postgresql", "{ca: /ca.pem, certificate: /a.pem}", "tls.certificate and key belong together"),
        ("postgresql", "{ca: /ca.pem, truststore: /ca.p12}", "tls.truststore is for MariaDB and MySQL connectors only"),
        (
            "postgresql",
            '{ca: /ca.pem, certificate: /a.pem, key: /a.key, key_password: "${env:K}"}',
            "tls.keystore is missing: the connector reads no PEM key that has a password",
        ),
        ("mariadb", "{ca: /ca.pem}", "tls.truststore and ca belong together"),
        (
            "mariadb",
            "{ca: /c, truststore: /t, certificate: /a.pem, key: /a.key}",
            "tls.keystore and certificate belong together",
        ),
        ("mariadb", "{ca: /c, truststore: /t, truststore_password: geheim}", "tls.truststore_password is written out"),
    ],
)
def test_what_does_not_fit_is_a_fault(tmp_path: Path, kind: str, tls: str, fault: str) -> None:
    with pytest.raises(FatalError, match="SRC-101") as refused:
        load_sources(write(tmp_path, kind, tls))
    assert fault in refused.value.detail
    assert "geheim" not in refused.value.detail


def test_the_service_resolves_what_it_reads_itself(tmp_path: Path) -> None:
    tls = (
        '{ca: "${env:TLS}/ca.pem", certificate: /a.pem, key: /a.key, key_password: "${env:K}",'
        ' truststore: "${env:OF_CONNECT}/ca.p12", keystore: /a.p12}'
    )
    described = source(tmp_path, "mariadb", tls)
    login = login_of(described, {"PASSWORD": "p", "TLS": "/etc/tls", "K": "k"})
    assert (login.tls.ca, login.tls.verify) == (Path("/etc/tls/ca.pem"), "full")
    assert login.tls.key_password is not None
    assert login.tls.key_password.reveal() == "k"
    with pytest.raises(NotAdmitted, match=r"SRC-101[^K]*tls.key_password: environment variable K is not set"):
        login_of(described, {"PASSWORD": "p", "TLS": "/etc/tls"})


def test_a_password_that_connect_would_read_differently_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("with a line break\n")
    described = source(tmp_path, "mariadb")
    file = replace(described, password=f"${{dir:{tmp_path}:secret}}")
    with pytest.raises(NotAdmitted, match="ends with a line break"):
        login_of(file, {})


def clients(kind: str, folder: Path, security: KafkaSecurity) -> dict[str, dict[str, str]]:
    """Return what each of a connector's own Kafka clients is told."""
    config = render(source(folder, kind, host="localhost"), Kafka("b:1", security), {})
    history = "schema.history.internal"
    prefixes = ("signal.consumer.", f"{history}.producer.", f"{history}.consumer.")
    return {
        prefix: {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
        for prefix in prefixes
    }


def test_a_connectors_own_clients_log_in_with_references(tmp_path: Path) -> None:
    password = Secret.behind("${file:/etc/cdc/secrets:kafka}", {})
    security = KafkaSecurity(
        "SASL_SSL", ca=Path("/etc/cdc/ca.pem"), mechanism="SCRAM-SHA-512", user='c"dc', password=password
    )
    told = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required"
        ' username="c\\"dc" password="${file:/etc/cdc/secrets:kafka}";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/etc/cdc/ca.pem",
    }
    assert list(clients("mariadb", tmp_path, security).values()) == [told, told, told]
    assert list(clients("postgresql", tmp_path, security).values()) == [told, {}, {}]


def test_a_certificate_is_one_file_or_two_texts(tmp_path: Path) -> None:
    both = KafkaSecurity("SSL", certificate=Path("/tls/both.pem"), verify="ca")
    assert clients("postgresql", tmp_path, both)["signal.consumer."] == {
        "security.protocol": "SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": "/tls/both.pem",
        "ssl.endpoint.identification.algorithm": "",
    }
    apart = KafkaSecurity(
        "SSL", certificate=Path("/tls/a.pem"), key=Path("/tls/a.key"), key_password=Secret.behind("${env:K}", {})
    )
    assert clients("postgresql", tmp_path, apart)["signal.consumer."] == {
        "security.protocol": "SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": "${dir:/tls:a.pem}",
        "ssl.keystore.key": "${dir:/tls:a.key}",
        "ssl.key.password": "${env:K}",
    }


def test_nothing_is_said_of_plain_connections(tmp_path: Path) -> None:
    assert not any(clients("mariadb", tmp_path, KafkaSecurity("PLAINTEXT")).values())
