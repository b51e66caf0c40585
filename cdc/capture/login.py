"""Where and as whom a source's catalogue is read: the connection of the connector file, references resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cdc.capture.source import Source
from cdc.errors import NotAdmitted
from cdc.reference import Secret, UnresolvedError, resolve
from cdc.tls import Verify

CONNECT_TIMEOUT_S = 10
APPLICATION = "cdc contract"


@dataclass(frozen=True, slots=True)
class Login:
    """A connection's values, ready for use. The files of `tls` are of this machine."""

    host: str
    port: int
    database: str
    user: str
    password: Secret
    tls: Tls


@dataclass(frozen=True, slots=True)
class Tls:
    """What the service needs of a source's group `tls`: `mode`, and what `cdc.tls.client_context` takes."""

    mode: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None

    @property
    def verify(self) -> Verify:
        """What of the server's certificate is verified, if anything is."""
        return "full" if self.mode == "verify-full" else "ca"


def login_of(source: Source, variables: Mapping[str, str]) -> Login:
    """Resolve a source's references, as they lead now. Raises SRC-101 with every one that leads nowhere."""
    values: dict[str, str] = {}
    faults: list[str] = []
    connection = {name: getattr(source, name) for name in ("host", "port", "database", "user", "password")}
    tls = {f"tls.{name}": value for name, value in source.encryption.own.items()}
    for name, text in {**connection, **tls}.items():
        try:
            values[name] = resolve(text, variables, for_connect=True)
        except UnresolvedError as error:
            faults.append(f"{source.name}.yaml: {name}: {error}")
    if not faults and not (values["port"].isascii() and values["port"].isdecimal()):
        faults.append(f"{source.name}.yaml: port is not a port")
    if faults:
        raise NotAdmitted("SRC-101", "".join(f"\n  {fault}" for fault in faults))
    password = Secret(values["password"])
    encryption = _tls(source.encryption.mode, values)
    return Login(values["host"], int(values["port"]), values["database"], values["user"], password, encryption)


def _tls(mode: str, values: Mapping[str, str]) -> Tls:
    files = {name: Path(values[f"tls.{name}"]) for name in ("ca", "certificate", "key") if f"tls.{name}" in values}
    key_password = values.get("tls.key_password")
    return Tls(mode, **files, key_password=None if key_password is None else Secret(key_password))
