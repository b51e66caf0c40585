"""All eight connectors in one real Kafka Connect: they load, know what the lists say, and take their templates."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from cdc.capture.plugin import CLASSES, FOLDER
from compose.local.env import PORTS, environment
from compose.plugins.keys import OTHERS, documents
from compose.plugins.validate import RECORD, record, verdicts
from compose.plugins.worker import eight_plugins, fetch

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    probes = [socket.socket() for _ in PORTS]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = {name: str(probe.getsockname()[1]) for name, probe in zip(PORTS, probes, strict=True)}
    for probe in probes:
        probe.close()
    jars = {"CDC_JARS": os.environ["CDC_JARS"]} if "CDC_JARS" in os.environ else {}
    return environment({"CDC_LOCAL": str(tmp_path_factory.mktemp("plugins")), **jars, **ports})


@pytest.fixture(scope="module")
def url(env: Mapping[str, str]) -> Iterator[str]:
    fetch(OTHERS)
    with eight_plugins(Path(env["CDC_LOCAL"]) / "plugins", env, OTHERS) as url:
        yield url


def test_all_eight_load(url: str) -> None:
    loaded = {plugin["class"] for plugin in httpx.get(f"{url}/connector-plugins", trust_env=False).json()}
    assert loaded >= set(CLASSES.values())


def test_the_lists_of_settings_are_those_of_the_plugins(url: str, env: Mapping[str, str]) -> None:
    for name, text in documents(url, Path(env["CDC_JARS"]), OTHERS).items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, name


def test_each_template_is_taken_as_far_as_the_connection(url: str, env: Mapping[str, str]) -> None:
    found = verdicts(url, env["CDC_KAFKA"])
    assert [one for one in found if not one.is_good] == []
    assert RECORD.read_text(encoding="utf-8") == record(found)
