"""A connector as Strimzi's operator takes it: a `KafkaConnector` resource of Kubernetes.

The operator puts name, class, tasks and version into the configuration by itself and refuses them there. References to
secrets stay as they are: the workers of the Connect cluster resolve them, by configuration providers that their
`KafkaConnect` resource has to name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from cdc.errors import FatalError

API_VERSION: Final = "kafka.strimzi.io/v1"
"""Since Strimzi 0.49; from 1.0 on the only one."""
_OWN = ("name", "connector.class", "tasks.max", "connector.plugin.version")
# The operator names the connector as the resource, and Kubernetes takes no underscores (RFC 1123).
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def resource(config: Mapping[str, str], state: str, cluster: str) -> dict[str, Any]:
    """Return the resource for a rendered configuration in a state: running, paused, stopped.

    `cluster` is the name of the `KafkaConnect` resource. Raises CON-140.
    """
    if not _NAME.fullmatch(config["name"]):
        raise FatalError("CON-140", config["name"])
    return {
        "apiVersion": API_VERSION,
        "kind": "KafkaConnector",
        "metadata": {"name": config["name"], "labels": {"strimzi.io/cluster": cluster}},
        "spec": {
            "class": config["connector.class"],
            "tasksMax": int(config["tasks.max"]),
            "state": state,
            "config": {key: value for key, value in config.items() if key not in _OWN},
        },
    }


def to_yaml(document: Mapping[str, Any]) -> str:
    """Return the resource as YAML; every value of the configuration is a text, as Kafka Connect wants it."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000)
