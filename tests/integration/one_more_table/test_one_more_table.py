"""One more source table, end to end, takes a contract, a mapping and a line in a connector file: no Python."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.service import Deployment, connect, eventually

HERE = Path(__file__).parent
CANONICAL = "SELECT sterilisation_id, lot_number, status FROM trace.sterilisation ORDER BY 1"


@pytest.fixture(scope="module")
def mes(stack: Stack) -> Iterator[psycopg.Connection]:
    """The MES with one table more than the demo's, granted and published by its DBA."""
    subprocess.run(
        (sys.executable, "-m", "compose.simulator", "install"), env=process_environment(stack.env), check=True
    )
    with connect(stack.env, "MES", "ADMIN_") as application:
        application.execute((HERE / "table.sql").read_text())
        with connect(stack.env, "MES", "DBA_") as dba:
            dba.execute("GRANT SELECT ON mes_ster TO cdc_capture")
            dba.execute("ALTER PUBLICATION cdc ADD TABLE mes_ster")
        yield application


@pytest.fixture(scope="module")
def deployment(stack: Stack, mes: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    deployment = Deployment.make(tmp_path_factory.mktemp("deployment"), stack.env)
    connector = deployment.folder / "connector-configs" / "mes.yaml"
    connector.write_text(connector.read_text() + "  - public.mes_ster\n")
    shutil.copy(HERE / "mes.mes_ster.yaml", deployment.folder / "dictionary" / "mappings")
    shutil.copy(HERE / "fields-sterilisation.yaml", deployment.folder / "dictionary")
    deployment.cdc("source", "contract", "mes")
    deployment.cdc("connectors", "apply")
    deployment.cdc("target", "apply")
    return deployment


def test_the_new_table_flows_from_snapshot_to_delete(deployment: Deployment, mes: psycopg.Connection) -> None:
    with deployment.running(), deployment.target() as target:
        eventually(target, CANONICAL, [("ST-1", "26A0412", "RELEASED"), ("ST-2", "26A0413", "QUARANTINE")])
        with mes.transaction():
            mes.execute("UPDATE mes_ster SET status = 'OK' WHERE ster_no = 'ST-2'")
            mes.execute("DELETE FROM mes_ster WHERE ster_no = 'ST-1'")
            mes.execute("INSERT INTO mes_ster VALUES ('ST-3', '02.01.001', '26A0414', 5, '??', now())")
        eventually(target, CANONICAL, [("ST-2", "26A0413", "RELEASED")])
        held = "SELECT source_key, code FROM cdc.held WHERE mapping = 'mes.mes_ster'"
        eventually(target, held, [(["ST-3"], "COD-201")])
        mes.execute("UPDATE mes_ster SET status = 'Q' WHERE ster_no = 'ST-3'")
        eventually(target, CANONICAL, [("ST-2", "26A0413", "RELEASED"), ("ST-3", "26A0414", "QUARANTINE")])
        eventually(target, held, [])


def test_the_state_of_each_table_is_told(deployment: Deployment) -> None:
    with deployment.running():
        told, *_ = json.loads(deployment.cdc("connectors", "status", "mes", "--json"))
    states = {(one["wanted"], one["state"]) for one in told["tables"]}
    ster = told["tables"][-1]
    assert (states, ster["table"]) == ({("streaming", "streaming")}, "public.mes_ster")
    # The two changes of ST-3 were committed before they landed, and their domain is derived.
    assert ster["committed_at"] < ster["changed_at"]
    assert (ster["refused"], ster["held"]) == (0, 0)
    assert ster["behind_s"] >= 0


def test_a_column_added_while_running_reaches_the_mirror(deployment: Deployment, mes: psycopg.Connection) -> None:
    mes.execute("ALTER TABLE mes_ster ADD COLUMN operator varchar(20) DEFAULT 'OP00'")
    mes.execute("UPDATE mes_ster SET operator = 'OP07' WHERE ster_no = 'ST-3'")
    with deployment.running(), deployment.target() as target:
        mirrored = "SELECT ster_no, operator FROM mes.mes_ster ORDER BY 1"
        eventually(target, mirrored, [("ST-2", "OP00"), ("ST-3", "OP07")])
