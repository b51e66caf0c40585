"""A deployment of sources that tests make: settings, connector files and contracts in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.integration.service import Deployment, settings, write_no_dictionary

SETTINGS = settings("land: {group: types}\n")
FILE = """\
kind: {kind}
host: 127.0.0.1
port: {port}
database: {name}
user: ${{env:CDC_{server}_DBA_USER}}
password: ${{env:CDC_{server}_DBA_PASSWORD}}
{more}tables:
{tables}
"""
ZERO_DATES = "zero_dates: as_null\n"
_KINDS = {
    "pg": ("postgresql", "MES", ""),
    "my": ("mariadb", "ERP", ZERO_DATES),
    "sq": ("mysql", "ERP", ZERO_DATES),
}


def make(folder: Path, env: Mapping[str, str], sources: Mapping[str, Sequence[str]]) -> Deployment:
    """Make the deployment; `sources` are entries of tables by the source's name."""
    (folder / "cdc.yaml").write_text(SETTINGS)
    write_no_dictionary(folder)
    (folder / "connector-configs").mkdir()
    deployment = Deployment(folder, dict(env))
    for name, entries in sources.items():
        write(deployment, name, entries)
        deployment.cdc("source", "contract", name)
    return deployment


def write(deployment: Deployment, name: str, entries: Sequence[str]) -> None:
    """Write the connector file of a source. It is of PostgreSQL, MariaDB or MySQL as its name begins."""
    kind, server, more = _KINDS[name[:2]]
    tables = "\n".join(f"  - {entry}" for entry in entries)
    # Connect was started with the ports of the stack, to which MySQL does not belong.
    port = deployment.env["CDC_ERP_PORT"] if kind == "mysql" else f"${{env:CDC_{server}_PORT}}"
    text = FILE.format(kind=kind, server=server, port=port, name=name, more=more, tables=tables)
    (deployment.folder / "connector-configs" / f"{name}.yaml").write_text(text)
