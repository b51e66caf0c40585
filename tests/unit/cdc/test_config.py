from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

import pytest

from cdc.config import Settings, load
from cdc.derive.worker import read_dictionary
from cdc.errors import FatalError
from cdc.reference import UnresolvedError
from compose.local.env import REPO
from tests.unit.transforms.conftest import Folder

GOOD = """\
target: {host: 127.0.0.1, port: "${env:PORT}", database: cdc, user: cdc, password: "${file:PROPERTIES:a.b}"}
kafka: {bootstrap: "127.0.0.1:${env:KAFKA}"}
connect: {url: "http://127.0.0.1:8083"}
folders: {connector_configs: configs}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "secret.properties").write_text("# comment=1\na.b = s3cret\n")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "target").write_text("from-a-file\n")
    return tmp_path


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "cdc.yaml"
    path.write_text(text.replace("PROPERTIES", str(folder / "secret.properties")))
    return path


def faults(folder: Path, text: str, **variables: str) -> list[str]:
    with pytest.raises(FatalError) as caught:
        load(settings_file(folder, text), variables)
    assert caught.value.code == "CFG-101"
    return [line.strip() for line in caught.value.detail.strip().splitlines()]


def test_references_are_resolved_and_defaults_stand(folder: Path) -> None:
    settings = load(settings_file(folder, GOOD), {"PORT": "5432", "KAFKA": "19092"})
    assert settings.target.port == 5432
    assert settings.target.password.reveal() == "s3cret"
    assert settings.kafka.bootstrap == "127.0.0.1:19092"
    assert settings.folders.connector_configs == folder.resolve() / "configs"
    assert settings.folders.dictionary is None
    assert settings.land.batch_rows == 5000


def test_a_secret_from_a_folder_loses_only_its_last_line_end(folder: Path) -> None:
    text = GOOD.replace("${file:PROPERTIES:a.b}", f"${{dir:{folder}/keys:target}}")
    settings = load(settings_file(folder, text), {"PORT": "1", "KAFKA": "2"})
    assert settings.target.password.reveal() == "from-a-file"


def test_a_secret_in_a_file_is_read_again_at_each_use(folder: Path) -> None:
    password = load(settings_file(folder, GOOD), {"PORT": "1", "KAFKA": "2"}).target.password
    assert password.reveal() == "s3cret"
    (folder / "secret.properties").write_text("a.b = another\n")
    assert password.reveal() == "another"
    (folder / "secret.properties").unlink()
    with pytest.raises(UnresolvedError, match=r"secret\.properties cannot be read"):
        password.reveal()


def test_secrets_show_in_no_text_of_the_settings(folder: Path) -> None:
    settings = load(settings_file(folder, GOOD), {"PORT": "5432", "KAFKA": "19092"})
    assert "s3cret" not in f"{settings} {settings!r} {settings.target.password} {settings.target.password!r}"


def test_the_file_is_named_by_the_environment(folder: Path) -> None:
    path = settings_file(folder, GOOD)
    assert load(variables={"CDC_CONFIG": str(path), "PORT": "5432", "KAFKA": "1"}).target.host == "127.0.0.1"
    with pytest.raises(FatalError, match="CDC_CONFIG"):
        load(variables={})


def test_all_faults_are_reported_together_with_their_lines(folder: Path) -> None:
    text = """\
target:
  host: db
  port: lots
  database: cdc
  user: ${env:NOBODY}
  password: literal-password
kafka: {}
connect: {url: "", color: red}
folders: {connector_configs: configs}
land: {batch_rows: 5, batch_rows: 6}
extra: 1
"""
    found = faults(folder, text)
    assert found == [
        "cdc.yaml:10: batch_rows stands twice",
        "cdc.yaml:11: extra is not a setting",
        "cdc.yaml:3: target.port is not a whole number",
        "cdc.yaml:5: target.user environment variable NOBODY is not set",
        "cdc.yaml:6: target.password is a secret: write a reference such as ${env:NAME}",
        "cdc.yaml:7: kafka.bootstrap is missing",
        "cdc.yaml:8: connect.color is not a setting",
        "cdc.yaml:8: connect.url is empty",
    ]
    assert "literal-password" not in "".join(found)


def test_ranges_are_checked_once_the_rest_is_right(folder: Path) -> None:
    text = GOOD.replace("configs}", "nowhere}") + "land: {batch_rows: 0}\nlog: {level: loud}\n"
    text += "observe: {derive_port: 65536, stall_s: 0}\n"
    found = faults(folder, text, PORT="70000", KAFKA="1")
    assert [fault.split(": ", 1)[1].split(" ")[0] for fault in found] == [
        "target.port",
        "log.level",
        "land.batch_rows",
        "folders.connector_configs",
        "observe.derive_port",
        "observe.stall_s",
    ]


@pytest.mark.parametrize("text", ["", "- a\n", "target: [\n", "\tx: 1\n"])
def test_a_file_that_is_no_mapping_is_one_clear_fault(folder: Path, text: str) -> None:
    assert len(faults(folder, text)) == 1


def test_a_reference_of_another_provider_is_a_fault(folder: Path) -> None:
    found = faults(folder, GOOD.replace("${env:PORT}", "${vault:PORT}"), KAFKA="1")
    assert found == ["cdc.yaml:1: target.port ${vault:PORT} is none of ${env:NAME}, ${file:PATH:KEY}, ${dir:PATH:KEY}"]


def test_a_key_for_tokens_is_a_secret_and_long(folder: Path) -> None:
    text = GOOD + 'tokens: {patient: "${env:PATIENT}"}\n'
    variables = {"PORT": "1", "KAFKA": "2"}
    key = load(settings_file(folder, text), variables | {"PATIENT": "k" * 32}).tokens["patient"]
    assert key.reveal() == "k" * 32
    (fault,) = faults(folder, text, **variables, PATIENT="k" * 31)
    assert fault.endswith("cdc.yaml:5: tokens.patient is a key of fewer than 32 characters")
    (fault,) = faults(folder, text.replace("${env:PATIENT}", "k" * 32), **variables)
    assert "is a secret: write a reference" in fault


def test_a_dictionary_that_makes_tokens_needs_their_keys(folder: Path) -> None:
    dictionary = Folder(folder / "dictionary")
    dictionary.replace("mappings/erp.parts.yaml", "CLEAN(no)", "SUBSTRING(TOKEN(no, 'patient'), 1, 5)")
    dictionary.replace("mappings/erp.parts.yaml", "{part_id: P1,", "{part_id: v1:24,")
    text = GOOD.replace("configs}", "configs, dictionary: dictionary}") + "approval: {required: false}\n"
    settings = load(settings_file(folder, text), {"PORT": "1", "KAFKA": "2"})
    with pytest.raises(FatalError, match=r"tokens\.patient is missing: the dictionary makes tokens with it"):
        read_dictionary(settings)
    text += 'tokens: {patient: "${env:KEY}"}\n'
    named = load(settings_file(folder, text), {"PORT": "1", "KAFKA": "2", "KEY": "k" * 32})
    assert read_dictionary(named).tokens.domains == {"patient"}


ANCHORS = GOOD + "anchors: {key: keys/anchors, file: /mnt/worm/heads.jsonl, topic: cdc-anchors, every_minutes: 1}\n"


def test_where_heads_are_published(folder: Path) -> None:
    found = load(settings_file(folder, ANCHORS), {"PORT": "1", "KAFKA": "2"}).anchors
    assert found is not None
    assert (found.key, found.file) == (folder.resolve() / "keys" / "anchors", Path("/mnt/worm/heads.jsonl"))
    assert (found.topic, found.every_minutes, found.every_batches) == ("cdc-anchors", 1, 5000)
    assert load(settings_file(folder, GOOD), {"PORT": "1", "KAFKA": "2"}).anchors is None


def test_heads_are_published_to_two_places_or_not_at_all(folder: Path) -> None:
    (fault,) = faults(folder, ANCHORS.replace(", topic: cdc-anchors", ""), PORT="1", KAFKA="2")
    assert "anchors.topic is missing" in fault


def test_how_often_and_where_heads_cannot_be_published(folder: Path) -> None:
    wrong = ANCHORS.replace("every_minutes: 1", "every_minutes: 0, every_batches: 0").replace("cdc-anchors", "a topic")
    found = " ".join(faults(folder, wrong, PORT="1", KAFKA="2"))
    for entry in ("anchors.every_minutes must be", "anchors.every_batches must be", "anchors.topic is no name"):
        assert entry in found


def test_how_long_months_of_the_journal_stay(folder: Path) -> None:
    text = GOOD + "archive: {folder: /srv/archive, keep_months: 6, keep_months_by_class: {device_life_15y: 24}}\n"
    found = load(settings_file(folder, text), {"PORT": "1", "KAFKA": "2"}).archive
    assert (found.folder, found.keep_months) == (Path("/srv/archive"), 6)
    assert dict(found.keep_months_by_class) == {"device_life_15y": 24}
    wrong = text.replace("keep_months: 6", "keep_months: 0").replace("device_life_15y", "for_ever")
    for fault, told in zip(
        faults(folder, wrong, PORT="1", KAFKA="2"), ("at least 1", "is none of device"), strict=True
    ):
        assert told in fault


def test_the_page_of_settings_has_each_with_its_default() -> None:
    lines = (REPO / "cdc" / "settings.md").read_text("utf-8").splitlines()
    rows = [(line.split("|")[1], line.split("|")[2]) for line in lines if line.startswith("| `")]
    told = {name: default for names, default in rows for name in re.findall(r"`([\w.]+)`", names)}
    known = dict(entries(Settings, ""))
    assert set(told) == {name for name in known if not name.startswith("kafka.connectors.")}
    for name, default in known.items():
        if name in told and isinstance(default, (bool, int, str)):
            spelled = str(default).lower() if isinstance(default, bool) else str(default)
            names = next(names for names, _ in rows if f"`{name}`" in names)
            place = re.findall(r"`([\w.]+)`", names).index(name)
            assert re.findall(r"`([^`]+)`", told[name])[place] == spelled, name


def entries(model: type[Any], prefix: str) -> Iterator[tuple[str, object]]:
    """Yield each setting below a group with its default, MISSING where it has none; groups are settings, too."""
    hints = get_type_hints(model)
    for item in dataclasses.fields(model):
        kinds = [kind for kind in (hints[item.name], *get_args(hints[item.name])) if dataclasses.is_dataclass(kind)]
        of_many = get_origin(hints[item.name]) is Mapping
        if prefix + item.name != "log":
            yield prefix + item.name, item.default
        if kinds and not of_many and prefix + item.name != "kafka.connectors":
            yield from entries(cast(type[Any], kinds[0]), f"{prefix}{item.name}.")
