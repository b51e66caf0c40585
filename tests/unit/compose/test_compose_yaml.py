"""`compose.yaml` is the stack that `compose.local` runs: valid by the schema of its kind, and every setting the same.

It cannot be run here. What is compared is what both give each server: files, variables and command lines.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from jsonschema import Draft7Validator

from compose.local.env import REPO, environment
from compose.local.settings import FOLDER, accounts, jvm_options, read_settings
from compose.local.stack import Stack

FILE = FOLDER / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SCHEMA = json.loads((Path(__file__).parent / "schema" / "compose-spec.json").read_text(encoding="utf-8"))
SERVERS = ("kafka", "connect", "erp", "mes", "target")

HOSTS = "a container has an address of its own"
PLACES = "folders of an image are elsewhere"
SOCKETS = "an image has its sockets, and its entrypoint uses them"
# What may differ, and why. What is listed and does not differ is a fault, too.
DIFFERENCES: dict[str, dict[str, str]] = {
    "kafka": {
        "listeners": HOSTS,
        "advertised.listeners": HOSTS,
        "controller.quorum.voters": HOSTS,
        "log.dirs": PLACES,
    },
    "connect": {
        "bootstrap.servers": HOSTS,
        "listeners": HOSTS,
        "rest.advertised.host.name": HOSTS,
        "plugin.path": PLACES,
        "config.providers.file.param.allowed.paths": PLACES,
        "config.providers.dir.param.allowed.paths": PLACES,
    },
    "erp": {
        "bind-address": HOSTS,
        "port": HOSTS,
        "datadir": PLACES,
        "tmpdir": PLACES,
        "socket": SOCKETS,
        "pid-file": SOCKETS,
    },
    "mes": {"listen_addresses": HOSTS, "port": HOSTS, "unix_socket_directories": SOCKETS},
    "target": {"listen_addresses": HOSTS, "port": HOSTS, "unix_socket_directories": SOCKETS},
}
VARIABLES = {
    **{f"CDC_{name}": HOSTS for name in ("KAFKA", "CONNECT_URL", "OBSERVE_HOST")},
    **{f"CDC_{server}_{part}": HOSTS for server in ("ERP", "MES", "TARGET") for part in ("HOST", "PORT")},
    **{f"CDC_PORT_{server}": "a container has its ports" for server in ("KAFKA", "CONTROLLER", "CONNECT")},
    **{f"CDC_PORT_{server}": "a container has its ports" for server in ("ERP", "MES", "TARGET")},
    **{f"CDC_{name}": PLACES for name in ("LOCAL", "JARS", "CONFIG")},
    "CDC_MYSQL": "only tests have such a server",
}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The stack's daemons by name; nothing is started."""
    jars = tmp_path_factory.mktemp("jars")
    (jars / "complete").touch()
    env = environment({"CDC_LOCAL": str(tmp_path_factory.mktemp("local")), "CDC_JARS": str(jars)})
    return {name: service.daemon() for name, service in Stack(env).services().items()}


def of_local(daemon: Any) -> dict[str, str]:
    """Return the settings that the local stack starts a server with."""
    if daemon.settings:
        return dict(line.split("=", 1) for line in daemon.settings.splitlines())
    words = [word.removeprefix("--") for word in daemon.argv if "=" in word]
    # Whom a process runs as is not the server's business: root, in a name space of its own.
    return {name: value for name, value in (word.split("=", 1) for word in words) if not re.match("user$|map-", name)}


def of_docker(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that a container starts its server with, read as its image reads them."""
    mounts = mounted(service)
    if "/mnt/shared/config/server.properties" in mounts:
        # The image appends KAFKA_NAME=VALUE as name=value.
        java = ("KAFKA_HEAP_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS")
        own = {key: value for key, value in service["environment"].items() if key not in java}
        appended = {key.removeprefix("KAFKA_").lower().replace("_", "."): value for key, value in own.items()}
        return read_settings(mounts["/mnt/shared/config/server.properties"]) | appended
    if "/etc/mysql/conf.d/cdc.cnf" in mounts:
        assert "command" not in service
        return read_settings(mounts["/etc/mysql/conf.d/cdc.cnf"])
    words = service["command"]
    if words[0] == "postgres":
        given = dict(word.split("=", 1) for word in words if "=" in word)
        return read_settings(mounts[given.pop("config_file")]) | given
    settings: dict[str, str] = {}
    (cat,) = re.findall(r"^cat (.*) > /tmp/worker.properties$", words[-1], re.MULTILINE)
    for name in cat.split():
        settings |= read_settings(mounts[name])
    return settings


def mounted(service: Mapping[str, Any]) -> dict[str, Path]:
    """Return the files of the repository by their place in the container."""
    parts = (volume.split(":") for volume in service.get("volumes", ()) if volume.startswith("."))
    return {target: FOLDER / source for source, target, _ in parts}


def test_the_file_is_valid_by_the_schema_of_the_specification() -> None:
    assert [f"{error.json_path}: {error.message}" for error in Draft7Validator(SCHEMA).iter_errors(COMPOSE)] == []


@pytest.mark.parametrize(
    "damage", [{"services": {"x": {"imagee": "y"}}}, {"services": {"x": {"ports": "80"}}}, {"volume": {}}]
)
def test_the_schema_finds_what_is_not_valid(damage: dict[str, Any]) -> None:
    assert list(Draft7Validator(SCHEMA).iter_errors(COMPOSE | damage))


@pytest.mark.parametrize("name", SERVERS)
def test_every_setting_of_a_server_is_the_same(name: str, local: dict[str, Any]) -> None:
    ours, theirs = of_local(local[name]), of_docker(COMPOSE["services"][name])
    different = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
    assert different == DIFFERENCES[name].keys()
    assert len(ours.keys() & theirs.keys() - different) >= 10


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("kafka", {"environment": {"KAFKA_NUM_PARTITIONS": "2"}}),
        ("connect", {"volumes": ["./kafka/server.properties:/etc/cdc/worker.properties:ro"]}),
        ("erp", {"volumes": ["./mes/postgresql.conf:/etc/mysql/conf.d/cdc.cnf:ro"]}),
        ("mes", {"command": [*COMPOSE["services"]["mes"]["command"], "-c", "fsync=on"]}),
    ],
)
def test_another_setting_of_a_container_is_found(name: str, change: dict[str, Any], local: dict[str, Any]) -> None:
    service = COMPOSE["services"][name]
    merged = {key: value | change.get(key, {}) if isinstance(value, dict) else value for key, value in service.items()}
    changed = merged | {key: value for key, value in change.items() if key == "command"}
    changed["volumes"] = [*service.get("volumes", []), *change.get("volumes", [])]
    ours, theirs = of_local(local[name]), of_docker(changed)
    assert {key for key in ours | theirs if ours.get(key) != theirs.get(key)} != DIFFERENCES[name].keys()


def test_the_java_machines_have_the_same_options(local: dict[str, Any]) -> None:
    def options(words: list[str]) -> set[str]:
        end = words.index("-cp") if "-cp" in words else len(words)
        listed = [word for word in words[:end] if word.startswith(("-", "@"))]
        return {option for word in listed for option in (jvm_options() if word.startswith("@") else [word])}

    kafka, connect = COMPOSE["services"]["kafka"], COMPOSE["services"]["connect"]
    given = kafka["environment"]["KAFKA_HEAP_OPTS"], kafka["environment"]["KAFKA_JVM_PERFORMANCE_OPTS"]
    assert options(list(given)) == options(list(local["kafka"].argv))
    _, _, java = connect["command"][-1].replace("\\\n", "").partition("exec ")
    words = shlex.split(java)
    assert options(words) == options(list(local["connect"].argv))
    main_class = local["connect"].argv[-2]
    assert words[words.index("-cp") :] == ["-cp", "/opt/jars/kafka/*", main_class, "/tmp/worker.properties"]
    for service in (kafka, connect):
        assert mounted(service)["/etc/cdc/jvm.options"] == FOLDER / "jvm.options"


def test_java_reads_the_file_of_options_as_we_do(local: dict[str, Any]) -> None:
    java = local["kafka"].argv[0]
    shown = subprocess.run(
        (java, f"@{FOLDER / 'jvm.options'}", "-XshowSettings:properties", "-version"),
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    named = dict(option.removeprefix("-D").split("=", 1) for option in jvm_options() if option.startswith("-D"))
    assert len(named) == 5
    for name, value in named.items():
        assert f"    {name} = {value}\n" in shown


def test_the_variables_are_the_same() -> None:
    ours = environment({})
    theirs = COMPOSE["x-environment"]
    assert {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)} == VARIABLES.keys()


@pytest.mark.parametrize("name", ["erp", "mes", "target"])
def test_the_databases_are_made_by_the_same_statements(name: str, tmp_path: Path) -> None:
    service = COMPOSE["services"][name]
    script = mounted(service)["/docker-entrypoint-initdb.d/accounts.sh"]
    assert not script.stat().st_mode & 0o111  # or the images would run it, without their functions
    # What the entrypoints do: source the script, whose statements go to their function.
    done = subprocess.run(
        ("bash", "-c", f"set -Eeuo pipefail; docker_process_sql() {{ cat; }}; . {shlex.quote(str(script))}"),
        env={
            **service["environment"],
            "PATH": "/usr/bin:/bin",
            "CDC_ACCOUNTS": str(mounted(service)["/etc/cdc/accounts.sql"]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    statements = [line for line in done.stdout.splitlines() if not line.startswith("--")]
    assert statements == accounts(name, environment({}))
    assert "$" not in done.stdout


def test_a_variable_that_is_missing_ends_the_making_of_a_database(tmp_path: Path) -> None:
    (tmp_path / "accounts.sql").write_text("CREATE ROLE ${CDC_MES_USER};\n")
    done = subprocess.run(
        ("bash", "-c", f"set -Eeo pipefail; docker_process_sql() {{ cat; }}; . {FOLDER / 'accounts.sh'}; echo made"),
        env={"PATH": "/usr/bin:/bin", "CDC_ACCOUNTS": str(tmp_path / "accounts.sql")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "made" not in done.stdout


def test_superusers_have_the_passwords_that_the_accounts_have() -> None:
    services, env = COMPOSE["services"], environment({})
    assert services["erp"]["environment"]["MARIADB_ROOT_PASSWORD"] == env["CDC_ERP_DBA_PASSWORD"]
    assert services["mes"]["environment"]["POSTGRES_PASSWORD"] == env["CDC_MES_DBA_PASSWORD"]
    assert services["target"]["environment"]["POSTGRES_PASSWORD"] == env["CDC_TARGET_ADMIN_PASSWORD"]
    for name in ("mes", "target"):
        assert services[name]["environment"]["POSTGRES_INITDB_ARGS"] == "-E UTF8 --no-locale"


def test_the_images_have_the_pinned_versions() -> None:
    pom = ElementTree.fromstring((FOLDER / "pom.xml").read_text(encoding="utf-8"))
    version = pom.findtext("{*}properties/{*}kafka.version")
    images = {name: COMPOSE["services"][name]["image"] for name in SERVERS}
    assert images == {
        "kafka": f"apache/kafka:{version}",
        "connect": "cdc-connect",
        "erp": "mariadb:10.11",
        "mes": "postgres:15",
        "target": "postgres:15",
    }
    dockerfile = (FOLDER / "connect" / "Dockerfile").read_text(encoding="utf-8")
    assert "COPY compose/pom.xml" in dockerfile


def test_every_file_that_is_mounted_or_built_from_is_there_and_nothing_is_published_beyond_loopback() -> None:
    ignored = (REPO / ".dockerignore").read_text(encoding="utf-8").split()
    for service in COMPOSE["services"].values():
        assert all(path.is_file() for path in mounted(service).values())
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        if "build" in service:
            dockerfile = REPO / service["build"]["dockerfile"]
            sources = re.findall(r"^COPY (?!--)(\S+) ", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
            for source in sources:
                assert (REPO / source).exists()
                assert f"!{source.split('/')[0]}" in ignored


def test_workers_are_asked_whether_they_live_on_the_ports_that_they_have() -> None:
    for worker in ("land", "derive", "watch"):
        service = COMPOSE["services"][worker]
        port = COMPOSE["x-environment"][f"CDC_PORT_{worker.upper()}"]
        assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert f"['CDC_PORT_{worker.upper()}'] + '/livez'" in service["healthcheck"]["test"][-1]
