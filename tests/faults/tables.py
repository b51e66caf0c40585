"""The tables of the sources that exist as streams only, and the deployment that captures them.

Every source has `tx` (a row per source transaction, numbered) and two tables between which quantities move in one
transaction. `north` (PostgreSQL) has lots and serials, `south` (MariaDB) claims about serials; the dictionary makes
canonical tables of these three, so that a derivation reads both streams.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import yaml

from tests.integration.service import NO_ENDPOINTS, settings
from transforms.load import PACKAGED

HERE: Final = Path(__file__).parent
KINDS: Final = {"north": "postgresql", "south": "mariadb", "east": "postgresql", "west": "postgresql"}

_INT, _CODE, _TEXT = "integer", "character varying(12)", "text"
_COMMON: Final = {
    "tx": {"id": _INT},
    "shelf": {"id": _INT, "qty": _INT, "ver": _INT},
    "cart": {"id": _INT, "qty": _INT, "ver": _INT},
}
_LOT: Final = {"id": _INT, "code": _CODE, "state": _CODE, "weight": "numeric(6,2)", "ver": _INT, "hist": _TEXT}
_SERIAL: Final = {"id": _INT, "code": _CODE, "lot_code": _CODE, "grade": _INT, "ver": _INT}
_CLAIM: Final = {"id": _INT, "serial_code": _CODE, "units": _INT, "ver": _INT}
TABLES: Final[dict[str, dict[str, dict[str, str]]]] = {
    "north": {**_COMMON, "lot": {**_LOT, "note": _TEXT}, "serial": {**_SERIAL, "note": _TEXT}},
    "south": {**_COMMON, "claim": _CLAIM},
    "east": _COMMON,
    "west": _COMMON,
}
"""Source to tables to columns; every key is `id`."""

_DECODERS: Final = {_INT: "int", "numeric(6,2)": "decimal"}
_SOURCE: Final = """\
kind: {kind}
host: 127.0.0.1
port: 9
database: {database}
user: nobody
password: ${{env:CDC_TARGET_PASSWORD}}
state: stopped          # there is no connector: the tests write the stream
tables: [{tables}]
"""


def write_deployment(folder: Path) -> None:
    """Write settings, connector files, contracts and dictionary; `small.yaml`, `wide.yaml` differ in their batches.

    A batch of `wide.yaml` has so many rows that they are copied, one of `small.yaml` never has.
    """
    for configs, sources in (("two", ("north", "south")), ("four", tuple(TABLES))):
        for source in sources:
            _write_source(folder / configs, source)
    for name, configs, batch_rows in (("small", "two", 20), ("wide", "two", 150), ("group", "four", 20)):
        land = f'land: {{group: "${{env:CDC_GROUP}}", batch_rows: {batch_rows}}}\n'
        (folder / f"{name}.yaml").write_text(settings(land, NO_ENDPOINTS, connector_configs=configs))
    shutil.copytree(HERE / "dictionary", folder / "dictionary")
    shutil.copy(PACKAGED / "errors.yaml", folder / "dictionary")


def _write_source(configs: Path, source: str) -> None:
    contracts = configs / "contracts" / source
    contracts.mkdir(parents=True)
    kind = KINDS[source]
    schema = "public." if kind == "postgresql" else ""
    names = ", ".join(f"{schema}{table}" for table in TABLES[source])
    database = "src" if kind == "postgresql" else "public"
    (configs / f"{source}.yaml").write_text(_SOURCE.format(kind=kind, tables=names, database=database))
    for table, columns in TABLES[source].items():
        (contracts / f"{table}.yaml").write_text(yaml.safe_dump(_contract(source, table, columns), sort_keys=False))


def _contract(source: str, table: str, columns: dict[str, str]) -> dict[str, object]:
    described = [
        {"name": name, "type": kind, "mirror_type": kind, "decoder": _DECODERS.get(kind, "text"), "nullable": False}
        for name, kind in columns.items()
    ]
    return {
        "mirror": f"{source}.{table}",
        "source_table": f"public.{table}",
        "key": ["id"],
        "key_origin": "primary",
        "columns": described,
    }
