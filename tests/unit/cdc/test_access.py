"""What of the settings says how connections are secured: defaults are the strict ones, what does not fit is a fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdc.access import Kafka
from cdc.capture.source import load_sources
from cdc.config import load
from cdc.errors import FatalError
from compose.local.env import REPO

PASSWORD = '"${file:FOLDER/secrets:password}"'
TARGET = f"target: {{host: HOST, port: 5432, database: d, user: u, password: {PASSWORD}"
KAFKA = "kafka: {bootstrap: BROKERS"
CONNECT = 'connect: {url: "URL"'
LOCAL = {"HOST": "127.0.0.1", "BROKERS": '"127.0.0.1:9092"', "URL": "http://127.0.0.1:8083"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "secrets").write_text('password=s3cret\nquoted=a"b\n')
    for name in ("ca.pem", "own.pem", "own.key"):
        (tmp_path / name).write_text("a file")
    (tmp_path / "line").write_text("with a line break\n")
    return tmp_path


def write(folder: Path, target: str = "", kafka: str = "", connect: str = "", **places: str) -> Path:
    lines = (TARGET + target, KAFKA + kafka, CONNECT + connect, "folders: {connector_configs: configs")
    text = "".join(f"{line}}}\n" for line in lines)
    for mark, place in {**LOCAL, **places, "FOLDER": str(folder)}.items():
        text = text.replace(mark, place)
    (folder / "cdc.yaml").write_text(text)
    return folder / "cdc.yaml"


def faults(folder: Path, *groups: str, **places: str) -> list[str]:
    with pytest.raises(FatalError) as caught:
        load(write(folder, *groups, **places), {})
    return [line.split(": ", 1)[1] for line in caught.value.detail.strip().splitlines()]


def test_loopback_is_no_network(folder: Path) -> None:
    settings = load(write(folder), {})
    assert settings.target.encryption == "disable"
    assert not settings.kafka.security.is_encrypted


def test_on_a_network_the_weaker_mode_has_to_be_written_down(folder: Path) -> None:
    assert faults(folder, HOST="db.plant", BROKERS='"localhost:9092,kafka.plant:9092"') == [
        "target.sslrootcert is missing: sslmode is verify-full; name the authority's file, or a weaker sslmode",
        "kafka.security.protocol is missing: SASL_SSL, SSL, SASL_PLAINTEXT or PLAINTEXT has to be named",
    ]
    named = write(
        folder, ", sslmode: disable", ", security: {protocol: PLAINTEXT}", HOST="db", BROKERS='"kafka.plant:9092"'
    )
    assert load(named, {}).target.encryption == "disable"


def test_who_names_an_authority_wants_names_verified(folder: Path) -> None:
    settings = load(write(folder, ", sslrootcert: ca.pem", connect=", ca: ca.pem", URL="https://connect:8083"), {})
    assert settings.target.encryption == "verify-full"
    assert settings.connect.verify == "full"
    assert settings.target.sslrootcert == folder / "ca.pem"


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (", sslmode: prefer", "target.sslmode is none of verify-full, verify-ca, require, disable"),
        (", sslrootcert: nowhere.pem", "target.sslrootcert is not a file that can be read: FOLDER/nowhere.pem"),
        (", sslmode: disable, sslrootcert: ca.pem", "target.sslrootcert is of no use: sslmode is disable"),
        (", sslrootcert: ca.pem, sslcert: own.pem", "target.sslcert and sslkey belong together"),
        (", sslmode: verify-ca", "target.sslrootcert is missing: sslmode is verify-ca"),
    ],
)
def test_what_does_not_fit_in_target(folder: Path, target: str, fault: str) -> None:
    assert faults(folder, target)[0].startswith(fault.replace("FOLDER", str(folder)))


LOGIN = "mechanism: SCRAM-SHA-512, user: cdc"


@pytest.mark.parametrize(
    ("security", "fault"),
    [
        ("protocol: TLS", "protocol is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ("protocol: SSL, ca: nowhere.pem", "ca is not a file that can be read"),
        ("protocol: SSL, key: own.key", "certificate is missing, there is a key"),
        ("protocol: SSL, user: cdc", "user is of no use: protocol is SSL"),
        ("ca: ca.pem", "ca is of no use: protocol is PLAINTEXT"),
        ("protocol: SASL_PLAINTEXT, ca: ca.pem", "ca is of no use: protocol is SASL_PLAINTEXT"),
        ("protocol: SASL_SSL", "mechanism is missing: protocol is SASL_SSL"),
        (f"protocol: SASL_SSL, {LOGIN}, password: s3cret", "password is a secret"),
        (f'protocol: SASL_SSL, {LOGIN}, password: "${{dir:FOLDER:line}}"', "password FOLDER/line ends with a line"),
        (f'protocol: SASL_SSL, {LOGIN}, password: "${{file:FOLDER/secrets:quoted}}"', "password holds a quote"),
        ("protocol: SSL, verify: none", "verify is none of full, ca"),
    ],
)
def test_what_does_not_fit_in_kafka(folder: Path, security: str, fault: str) -> None:
    found = faults(folder, "", f", security: {{{security}}}")[0]
    assert found.startswith(f"kafka.security.{fault}".replace("FOLDER", str(folder)))
    assert "s3cret" not in found


@pytest.mark.parametrize(
    ("connect", "url", "fault"),
    [
        ("", "connect:8083", "connect.url is not http://HOST:PORT or https://HOST:PORT"),
        ("", "https://me:s3cret@connect:8083", "connect.url holds a login: write it under user and password"),
        (", ca: ca.pem", "http://connect:8083", "connect.ca is of no use: url is http"),
        (", user: me", "https://connect:8083", "connect.user and password belong together"),
        (", certificate: nowhere.pem", "https://connect:8083", "connect.certificate is not a file"),
    ],
)
def test_what_does_not_fit_in_connect(folder: Path, connect: str, url: str, fault: str) -> None:
    found = faults(folder, "", "", connect, URL=url)[0]
    assert found.startswith(fault)
    assert "s3cret" not in found


def test_what_only_connect_uses_need_not_be_on_this_machine(folder: Path) -> None:
    security = 'protocol: SASL_SSL, ca: /elsewhere/ca.pem, user: c, password: "${env:OF_CONNECT}", mechanism: PLAIN'
    kafka: Kafka = load(write(folder, "", f", connectors: {{bootstrap: k, security: {{{security}}}}}"), {}).kafka
    assert kafka.for_connectors.bootstrap == "k"
    assert kafka.for_connectors.security.password.reference == "${env:OF_CONNECT}"


def test_connectors_reach_the_brokers_as_the_service_does_unless_said_otherwise(folder: Path) -> None:
    kafka = load(write(folder), {}).kafka
    assert kafka.for_connectors is kafka


def test_the_settings_of_a_network_are_usable_as_they_stand_there(tmp_path: Path) -> None:
    text = example(REPO / "cdc" / "settings.md", "sslrootcert")
    assert "  # ... port, database, user, password\n" in text
    rest = '  port: 5432\n  database: cdc\n  user: cdc\n  password: "${env:PASSWORD}"\n'
    secrets = tmp_path / "secrets.properties"
    secrets.write_text("kafka=secret\n")
    text = text.replace("  # ... port, database, user, password\n", rest).replace("/etc/cdc/", f"{tmp_path}/")
    for folder in ("configs", "tls"):
        (tmp_path / folder).mkdir()
    for file in re.findall(r"tls/[\w.-]+", text):
        (tmp_path / file).write_text("a file")
    (tmp_path / "cdc.yaml").write_text(text + "folders: {connector_configs: configs}\n")
    settings = load(tmp_path / "cdc.yaml", {"PASSWORD": "secret"})
    assert (settings.target.encryption, settings.kafka.security.protocol) == ("verify-full", "SASL_SSL")
    assert settings.connect.certificate is not None


def test_the_connector_file_in_its_readme_is_usable(tmp_path: Path) -> None:
    (tmp_path / "mes.yaml").write_text(example(REPO / "connector-configs" / "README.md", "kind: postgresql"))
    assert load_sources(tmp_path)["mes"].encryption.mode == "verify-full"


def example(page: Path, holds: str) -> str:
    """Return the block of YAML of a page that holds some text."""
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if holds in block)
    return found
