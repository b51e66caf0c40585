from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cdc.capture.plugin import CLASSES
from cdc.cli.main import execute
from compose.local.env import REPO, environment

TEMPLATES = REPO / "connector-configs" / "templates"
SECRET = "geheim-4711"
# What Strimzi's CRD of 1.1 says of a KafkaConnector, as far as it is made here; it keeps unknown entries of `config`.
RESOURCE = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "kafka.strimzi.io/v1"},
        "kind": {"const": "KafkaConnector"},
        "metadata": {
            "type": "object",
            "properties": {"name": {"pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"}, "labels": {"type": "object"}},
        },
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "class": {"type": "string"},
                "tasksMax": {"type": "integer", "minimum": 1},
                "state": {"enum": ["paused", "stopped", "running"]},
                "config": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "not": {
                        "anyOf": [
                            {"required": [name]}
                            for name in ("name", "connector.class", "tasks.max", "connector.plugin.version")
                        ]
                    },
                },
            },
        },
    },
}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment({}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CDC_CONFIG", str(REPO / "compose" / "cdc.yaml"))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert execute(["connectors", "render", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", ["mes", "erp"])
def test_a_resource_of_kubernetes_has_the_same_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.loads(printed(capsys, name))
    resource = yaml.safe_load(printed(capsys, name, "--format", "strimzi", "--cluster", "plant"))
    jsonschema.validate(resource, RESOURCE)
    spec = resource["spec"]
    assert resource["metadata"] == {"name": name, "labels": {"strimzi.io/cluster": "plant"}}
    own = {"name": name, "connector.class": spec["class"], "tasks.max": str(spec["tasksMax"])}
    assert {**spec["config"], **own} == config
    assert spec["config"]["database.password"] == f"${{env:CDC_{name.upper()}_PASSWORD}}"


@pytest.mark.parametrize("kind", CLASSES)
def test_a_file_of_each_product_is_rendered(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(TEMPLATES / kind / "source.yaml")
    assert json.loads(printed(capsys, path))["connector.class"] == CLASSES[kind]
    jsonschema.validate(yaml.safe_load(printed(capsys, path, "--format", "strimzi")), RESOURCE)


def test_what_is_not_landed_is_said_and_is_no_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["connectors", "render", str(TEMPLATES / "oracle" / "source.yaml")]) == 0
    assert "does not land" in capsys.readouterr().err
    settings = (REPO / "compose" / "cdc.yaml").read_text().replace("../connector-configs", ".")
    (tmp_path / "cdc.yaml").write_text(settings)
    (tmp_path / "plm.yaml").write_text((TEMPLATES / "oracle" / "source.yaml").read_text())
    assert execute(["--config", str(tmp_path / "cdc.yaml"), "connectors", "render", "plm"]) == 2
    assert "plm.yaml:3: kind oracle is not landed" in capsys.readouterr().err


def test_of_ibm_i_one_library_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "erp400.yaml"
    path.write_text((TEMPLATES / "ibmi" / "source.yaml").read_text() + "  - OTHER.ITEMS2\n")
    assert execute(["connectors", "render", str(path)]) == 2
    assert "tables are of more than one library" in capsys.readouterr().err


def test_a_name_that_kubernetes_does_not_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "old_erp.yaml"
    path.write_text((TEMPLATES / "mysql" / "source.yaml").read_text())
    assert execute(["connectors", "render", str(path), "--format", "strimzi"]) == 2
    assert "CON-140" in capsys.readouterr().err
    assert execute(["connectors", "render", str(path)]) == 0


@pytest.mark.parametrize(
    ("line", "written_out"),
    [
        ("password: ${env:CDC_CRM_PASSWORD}", f"password: {SECRET}"),
        ("password: ${env:CDC_CRM_PASSWORD}", f"password: {SECRET}${{env:CDC_CRM_PASSWORD}}"),
        ("host: db.example", f"host: //root:{SECRET}@db.example"),
        ("  truststore_password: ${env:CDC_CRM_TRUSTSTORE_PASSWORD}", f"  truststore_password: {SECRET}"),
        ("state: running", f"settings: {{signal.consumer.sasl.jaas.config: 'x password=\"{SECRET}\"'}}"),
        ("state: running", f"settings: {{producer.override.ssl.truststore.location: '/x;password={SECRET}'}}"),
    ],
)
def test_a_secret_that_is_written_out_is_refused_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, written_out: str
) -> None:
    text = (TEMPLATES / "mysql" / "source.yaml").read_text()
    assert line in text
    path = tmp_path / "crm.yaml"
    path.write_text(text.replace(line, written_out))
    for arguments in (["render"], ["render", "--format", "strimzi"], ["lint"], ["lint", "--json"]):
        assert execute(["connectors", arguments[0], str(path), *arguments[1:]]) == 2
    shown = capsys.readouterr()
    assert "written out" in shown.err
    assert "L01" in shown.out
    assert SECRET not in shown.out + shown.err
