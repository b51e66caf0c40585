"""Where and as whom a source's catalogue is read: the connection of the connector file, references resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cdc.capture.source import Source
from cdc.errors import FatalError
from cdc.reference import Secret, UnresolvedError, resolve

CONNECT_TIMEOUT_S = 10
APPLICATION = "cdc contract"


@dataclass(frozen=True, slots=True)
class Login:
    """A connection's values, ready for use. `settings` are the source's own connector settings (encryption)."""

    host: str
    port: int
    database: str
    user: str
    password: Secret
    settings: Mapping[str, str] = field(default_factory=dict)


def login_of(source: Source, variables: Mapping[str, str]) -> Login:
    """Resolve a source's references. Raises SRC-101 with every one that leads nowhere."""
    values: dict[str, str] = {}
    faults: list[str] = []
    named = {name: getattr(source, name) for name in ("host", "port", "database", "user", "password")}
    for name, text in {**named, **source.settings}.items():
        try:
            values[name] = resolve(text, variables)
        except UnresolvedError as error:
            faults.append(f"{source.name}.yaml: {name}: {error}")
    if not faults and not (values["port"].isascii() and values["port"].isdecimal()):
        faults.append(f"{source.name}.yaml: port is not a port")
    if faults:
        raise FatalError("SRC-101", "".join(f"\n  {fault}" for fault in faults))
    settings = {key: values[key] for key in source.settings}
    password = Secret(values["password"])
    return Login(values["host"], int(values["port"]), values["database"], values["user"], password, settings)
