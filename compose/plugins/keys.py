"""`python -m compose.plugins.keys`: write down which settings each connector knows, in `cdc/capture/plugins`.

Kafka Connect ignores a setting that a connector does not know, in silence; `cdc connectors lint` finds it by these
lists. They are asked of the real plugins, of the versions that the two pom.xml pin, and of their class files. With
`CDC_JARS` and the ports of a stack of its own: `python -m compose.local.ports 31000 python -m compose.plugins.keys`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from cdc.capture.plugin import CLASSES, FOLDER
from compose.local.env import REPO, environment
from compose.plugins.constants import setting_names
from compose.plugins.worker import eight_plugins, fetch

OTHERS = REPO / ".local" / "other-plugins"
# The folder of each plugin, where it is not called as the product is.
_FOLDERS = {"postgresql": "postgres"}
_DEBEZIUM, _KAFKA = "io/debezium/config/Field", "org/apache/kafka/common/config/ConfigDef"
_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
_TIMEOUT_S = 60.0


def documents(url: str, jars: Path, others: Path) -> dict[str, str]:
    """Return the text of each list by the name of its file, as the plugins behind `url` have it."""
    folders = (jars / "plugins", others)
    with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as client:
        versions = {plugin["class"]: plugin["version"] for plugin in _get(client, "/connector-plugins")}
        lists = {kind: _connector(client, kind, versions, folders) for kind in CLASSES}
        converter = list(_listed(_get(client, f"/connector-plugins/{_CONVERTER}/config")))
    clients = _names((jars / "kafka").glob("kafka-clients-*.jar"), _KAFKA)
    for known in lists.values():
        known["read"] = [name for name in known["read"] if _is_whole(name, known["listed"], clients)]
    lists["kafka"] = {"clients": clients, "converter": converter}
    head = "# Written by `python -m compose.plugins.keys` from the real plugins. Not to be edited.\n"
    return {f"{name}.yaml": head + yaml.safe_dump(known, sort_keys=False, width=1000) for name, known in lists.items()}


def _connector(client: httpx.Client, kind: str, versions: Mapping[str, str], folders: Iterable[Path]) -> dict[str, Any]:
    entries = _get(client, f"/connector-plugins/{CLASSES[kind]}/config")
    listed = _listed(entries)
    jars = (
        jar for folder in folders for jar in (folder / f"debezium-connector-{_FOLDERS.get(kind, kind)}").glob("*.jar")
    )
    read = _names((jar for jar in jars if jar.name.startswith("debezium-")), _DEBEZIUM)
    return {
        "class": CLASSES[kind],
        "version": versions[CLASSES[kind]],
        "secret": sorted(entry["name"] for entry in entries if entry["type"] == "PASSWORD"),
        "listed": listed,
        "read": read,
    }


def _is_whole(name: str, listed: Container[str], clients: Container[str]) -> bool:
    """Tell whether a constant may be a setting itself: not one of a Kafka client, nor the end of a longer name."""
    return (
        not any(longer in listed for longer in (name, f"database.{name}", f"internal.{name}")) and name not in clients
    )


def _listed(entries: Iterable[Mapping[str, Any]]) -> dict[str, str | None]:
    """Return names with defaults; None is none."""
    return {entry["name"]: entry["default_value"] for entry in sorted(entries, key=lambda entry: entry["name"])}


def _names(jars: Iterable[Path], maker: str) -> list[str]:
    return sorted({name for jar in jars for name in setting_names(jar, maker)})


def _get(client: httpx.Client, path: str) -> Any:
    return client.get(path).raise_for_status().json()


def main() -> None:
    """Start broker and worker, ask, write."""
    env = environment()
    fetch(OTHERS)
    with eight_plugins(Path(env["CDC_LOCAL"]) / "plugins", env, OTHERS) as url:
        for name, text in documents(url, Path(env["CDC_JARS"]), OTHERS).items():
            (FOLDER / name).write_text(text, encoding="utf-8")
            print(FOLDER / name)


if __name__ == "__main__":
    main()
