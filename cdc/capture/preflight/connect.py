"""Whether Kafka Connect has a connector of the source's name already, and whether it is the source's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cdc.capture.preflight.finding import Finding
from cdc.errors import CdcError

# What a connector reads; whatever else differs is a change that `apply` can make.
_PLACE = ("connector.class", "database.hostname", "database.port", "database.dbname", "database.include.list")


class Configs(Protocol):
    """The part of `cdc.capture.connect.Connect` that is asked."""

    def config(self, name: str) -> dict[str, str] | None:
        """Return the configuration of a connector, or None."""

    def require_version(self, connector_class: str) -> None:
        """Raise CON-191 if the plugin is of a version that is known to lose rows."""


@dataclass(frozen=True, slots=True)
class Connectors:
    """What Connect says. `is_applied`: it has the source's connector."""

    findings: tuple[Finding, ...] = ()
    is_applied: bool = False


def ask_connect(connect: Configs, wanted: Mapping[str, str]) -> Connectors:
    """Compare the connector of that name with the configuration that the file comes to."""
    name = wanted["name"]
    old: tuple[Finding, ...] = ()
    try:
        current = connect.config(name)
        connect.require_version(wanted["connector.class"])
    except CdcError as error:
        if error.code != "CON-191":
            return Connectors((Finding("SRC-321", f"{error.code} {error.detail}"),))
        old = (Finding("SRC-325", error.detail),)
    if current is None:
        return Connectors(old)
    differ = [key for key in _PLACE if current.get(key) != wanted.get(key)]
    if differ:
        return Connectors((*old, Finding("SRC-315", f"{name}: {', '.join(differ)}")))
    return Connectors(old, is_applied=True)
