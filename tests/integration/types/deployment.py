"""A deployment of sources that tests make: settings, connector files and contracts in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.integration.service import Deployment, settings

SETTINGS = settings("land: {group: types}\n")
FILE = """\
kind: {kind}
host: 127.0.0.1
port: ${{env:CDC_{server}_PORT}}
database: {name}
user: ${{env:CDC_{server}_DBA_USER}}
password: ${{env:CDC_{server}_DBA_PASSWORD}}
{more}tables:
{tables}
"""
ZERO_DATES = "zero_dates: as_null\n"


def make(folder: Path, env: Mapping[str, str], sources: Mapping[str, Sequence[str]]) -> Deployment:
    """Make the deployment; `sources` are entries of tables by the source's name, which begins with `pg` or `my`."""
    (folder / "cdc.yaml").write_text(SETTINGS)
    (folder / "dictionary").mkdir()
    (folder / "dictionary" / "dictionary.yaml").write_text('dictionary: none\nversion: "1"\nstatus: draft\n')
    (folder / "connector-configs").mkdir()
    deployment = Deployment(folder, dict(env))
    for name, entries in sources.items():
        write(deployment, name, entries)
        deployment.cdc("source", "contract", name)
    return deployment


def write(deployment: Deployment, name: str, entries: Sequence[str]) -> None:
    """Write the connector file of a source."""
    kind, server, more = ("postgresql", "MES", "") if name.startswith("pg") else ("mariadb", "ERP", ZERO_DATES)
    tables = "\n".join(f"  - {entry}" for entry in entries)
    text = FILE.format(kind=kind, server=server, name=name, more=more, tables=tables)
    (deployment.folder / "connector-configs" / f"{name}.yaml").write_text(text)
