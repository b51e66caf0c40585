"""How the connections to a source are encrypted: the group `tls` of a connector file.

The service and the connector read the same entries; references lead to the files of the machine on which they are
resolved. All connectors read Java's key stores (PKCS12). The PostgreSQL connector (3.6, driver 42.7) also reads PEM
files, as the service does, but for keys with a password and for other keys than RSA; the connectors of MariaDB (3.5)
and MySQL (3.6) read none. So what the service reads and what the connector reads stand side by side where they differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from cdc.access import is_loopback
from cdc.reference import is_reference

MODES = ("verify-full", "verify-ca", "require", "disable")
# What is landed is also read by the service itself, which reads PEM files: two ways that have to fit.
_LANDED = ("mariadb", "mysql", "postgresql")
_VERIFYING = ("verify-full", "verify-ca")
_PASSWORDS = ("key_password", "truststore_password", "keystore_password")
_STORES = ("truststore", "truststore_password", "keystore", "keystore_password")

_POSTGRESQL_PEM = {"ca": "database.sslrootcert", "certificate": "database.sslcert", "key": "database.sslkey"}
_POSTGRESQL_STORE = {
    "ca": "database.sslrootcert",
    "keystore": "database.sslkey",
    "keystore_password": "database.sslpassword",
}
_BINLOG = {
    "truststore": "database.ssl.truststore",
    "truststore_password": "database.ssl.truststore.password",
    "keystore": "database.ssl.keystore",
    "keystore_password": "database.ssl.keystore.password",
}
# What their connectors call the modes, where they do not as everybody does.
_BINLOG_MODES = {
    "mariadb": {"require": "trust"},
    "mysql": {
        "verify-full": "verify_identity",
        "verify-ca": "verify_ca",
        "require": "required",
        "disable": "disabled",
    },
}


@dataclass(frozen=True, slots=True)
class Encryption:
    """The entries of the group; all but `mode` may hold references, passwords are references. Empty: not there.

    The service reads `ca`, `certificate`, `key` (PEM files) and `key_password`. The connector reads the stores; of a
    PostgreSQL source also `ca`, and `certificate` and `key` if there is no key store.
    """

    mode: str
    ca: str = ""
    certificate: str = ""
    key: str = ""
    key_password: str = ""
    truststore: str = ""
    truststore_password: str = ""
    keystore: str = ""
    keystore_password: str = ""

    @property
    def own(self) -> dict[str, str]:
        """The entries that the service itself reads, by name."""
        return {name: value for name, value in self._named().items() if name not in _STORES}

    def connector_settings(self, kind: str) -> dict[str, str]:
        """Return what a connector of that kind is told, references unresolved."""
        if kind == "postgresql":
            names = _POSTGRESQL_STORE if self.keystore else _POSTGRESQL_PEM
            mode = {"database.sslmode": self.mode}
        else:
            names, mode = _BINLOG, {"database.ssl.mode": _BINLOG_MODES[kind].get(self.mode, self.mode)}
        return mode | {names[name]: value for name, value in self._named().items() if name in names}

    def faults(self, kind: str) -> Iterator[tuple[str, str]]:
        """Yield entries that do not fit together, and why."""
        named = self._named()
        if self.mode == "disable":
            yield from ((name, "is of no use: mode is disable") for name in named)
        if bool(self.certificate) != bool(self.key):
            yield "certificate", "and key belong together"
        if kind in _LANDED:
            yield from self._postgresql_faults() if kind == "postgresql" else self._binlog_faults()
        elif self.mode in _VERIFYING and not self.truststore:
            yield "truststore", f"is missing: mode is {self.mode}; name the authority's key store, or a weaker mode"

    def _postgresql_faults(self) -> Iterator[tuple[str, str]]:
        if self.mode in _VERIFYING and not self.ca:
            yield "ca", f"is missing: mode is {self.mode}; name the authority's file, or a weaker mode"
        if self.truststore:
            yield "truststore", "is for MariaDB and MySQL connectors only"
        if self.key_password and not self.keystore:
            yield "keystore", "is missing: the connector reads no PEM key that has a password"

    def _binlog_faults(self) -> Iterator[tuple[str, str]]:
        if self.mode in _VERIFYING and bool(self.ca) != bool(self.truststore):
            yield "truststore", "and ca belong together: the connector reads the one, the service the other"
        if bool(self.certificate) != bool(self.keystore):
            yield "keystore", "and certificate belong together: the connector reads the one, the service the other"

    def _named(self) -> dict[str, str]:
        """Return the entries that are there, but for the mode."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "mode"}
        return {name: value for name, value in values.items() if value}


ENTRIES = tuple(field.name for field in fields(Encryption))


def default_for(host: str) -> Encryption:
    """Return what holds for a source whose file says nothing: a host that is a reference may be anywhere."""
    return Encryption("disable" if is_loopback(host) else "verify-full")


def read_encryption(group: Mapping[str, Any]) -> Encryption:
    """Return what a file's group says; `faults` tells whether it is usable. Values are single ones, keys are known."""
    return Encryption(**{"mode": "verify-full", **{name: str(value) for name, value in group.items()}})


def written_out(group: Mapping[str, str]) -> list[str]:
    """Return the entries that are passwords and no references."""
    return [name for name in _PASSWORDS if name in group and not is_reference(group[name])]
