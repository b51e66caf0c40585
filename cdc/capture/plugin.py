"""The Debezium connectors: which class each is, and which settings it knows, by lists that the real ones have given.

`cdc/capture/plugins/*.yaml` is written by `python -m compose.plugins.keys`, for the versions that are pinned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

CLASSES: Final = {
    "mariadb": "io.debezium.connector.mariadb.MariaDbConnector",
    "postgresql": "io.debezium.connector.postgresql.PostgresConnector",
    "mysql": "io.debezium.connector.mysql.MySqlConnector",
    "sqlserver": "io.debezium.connector.sqlserver.SqlServerConnector",
    "oracle": "io.debezium.connector.oracle.OracleConnector",
    "db2": "io.debezium.connector.db2.Db2Connector",
    "informix": "io.debezium.connector.informix.InformixConnector",
    "ibmi": "io.debezium.connector.db2as400.As400RpcConnector",
}
"""The connector of each product."""
LEAST: Final = {CLASSES["postgresql"]: (3, 7)}
"""The first version of a connector that does not lose rows whenever it is started again, where an older one does.

PostgreSQL's left out, after a restart, what a transaction had written that was open by then and committed behind it
(debezium/dbz#76), and what a COPY had still to send (debezium/dbz#1554). Nothing said so.
"""
FOLDER: Final = Path(__file__).with_name("plugins")

# What stands behind these is read by the connector's own Kafka clients.
_CLIENT = re.compile(r"(producer\.override|signal\.consumer|schema\.history\.internal\.(producer|consumer))\.(.+)")
_CONVERTER = re.compile(r"(?:key|value|header)\.converter\.(.+)")
# The one transform that a connector has here is Kafka's own RegexRouter.
_ROUTER = frozenset({"transforms.stream.type", "transforms.stream.regex", "transforms.stream.replacement"})
# What stands behind these is anything: drivers, tables and metrics have names of their own.
_OPEN = ("driver.", "snapshot.select.statement.overrides.", "custom.metric.tags.", "topic.creation.")
# A column's treatment is a setting whose name holds numbers and a salt.
_COLUMN = re.compile(
    r"column\.(mask\.hash(\.v2)?\.[^.]+\.with\.salt\..+|mask\.with\.\d+\.chars|truncate\.to\.\d+\.chars)"
)
_INTERNAL = "internal."
# Read by way of Debezium's JDBC settings as a whole, without the name of the setting in the connector.
_JDBC = {"ibmi": ("database.dbname",)}


@dataclass(frozen=True, slots=True)
class Plugin:
    """What one connector of one version knows. `listed` are settings with their defaults (None: none), `read` those
    that it reads without listing them, `secret` those whose values Connect never shows."""

    kind: str
    version: str
    listed: Mapping[str, str | None]
    read: Sequence[str]
    secret: Sequence[str]
    beside: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def knows(self, key: str) -> bool:
        """Tell whether anything reads the setting."""
        if key in self.listed or key in self.read or key in _ROUTER:
            return True
        if _COLUMN.fullmatch(key) or key.startswith(_OPEN) or key in _JDBC.get(self.kind, ()):
            return True
        if key.startswith(_INTERNAL) and key.removeprefix(_INTERNAL) in self.read:
            return True
        name, group = self._behind(key)
        return bool(group) and name in self.beside[group]

    def near(self, key: str) -> str | None:
        """Return the known setting that was probably meant."""
        name, group = self._behind(key)
        known = self.beside[group] if group else (*self.listed, *self.read)
        found = get_close_matches(name, known, n=1, cutoff=0.75)
        return key.removesuffix(name) + found[0] if found else None

    def _behind(self, key: str) -> tuple[str, str]:
        """Return the name behind a prefix, and whose it is; the key itself without one."""
        for pattern, group in ((_CLIENT, "clients"), (_CONVERTER, "converter")):
            match = pattern.fullmatch(key)
            if match:
                return match.groups()[-1], group
        return key, ""


def is_too_old(connector_class: str, version: str) -> bool:
    """Tell whether a connector of this version (`3.7.0.Final`) is known to lose rows.

    So is one that says none, and one that came before the first version was ready (`3.7.0.Alpha1`).
    """
    least = LEAST.get(connector_class)
    found = re.match(r"(\d+)\.(\d+)(?:\.0\.(Alpha|Beta|CR))?", version)
    if least is None or found is None:
        return least is not None
    number = int(found[1]), int(found[2])
    return number < least or (number == least and found[3] is not None)


@cache
def plugin_of(kind: str) -> Plugin:
    """Return what the connector of a product knows."""
    known = msgspec.yaml.decode((FOLDER / f"{kind}.yaml").read_bytes())
    beside = msgspec.yaml.decode((FOLDER / "kafka.yaml").read_bytes())
    return Plugin(kind, known["version"], known["listed"], known["read"], known["secret"], beside)
