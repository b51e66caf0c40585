"""The comparison finds what is wrong: a target made by hand from small sources, damaged in one place at a time.

The target is a template database; each damage works on a copy of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from psycopg import sql

from compose.compare.compare import compare
from compose.local.env import REPO
from compose.local.stack import Stack
from tests.integration.compare.compare_sources import ERP, LOG, MES, Rows

_TOPIC = "cdc.compared"
_EVENTS = 7

# What is done to the target, and the kind of mismatch that must come of it.
DAMAGES = {
    "value": ("""UPDATE erp."t_ICItem" SET "FPlanPrice" = 12.3400000001 WHERE "FItemID" = 101""", "value"),
    "missing row": ("DELETE FROM mes.mes_insp_d", "row missing"),
    "extra row": (
        """INSERT INTO erp."ICInventory" ("FItemID", "FStockID", "FBatchNo") VALUES (101, 402, 'LOT1 ')""",
        "row too many",
    ),
    "key": ("UPDATE trace.shipment SET shipment_id = 'K3-801-01'", "canonical row missing"),
    "stale row": ("UPDATE mes.mes_lot SET status = 'Q', released_by = NULL, released_at = NULL", "value"),
    "unit": ("UPDATE trace.stock_movement SET quantity_uom = 'GRM' WHERE quantity > 0", "canonical value"),
    "code": ("UPDATE trace.test_result SET disposition = 'REWORK'", "canonical value"),
    "tombstone": ("UPDATE trace.serial_unit SET _deleted = false WHERE _deleted", "tombstone"),
    "held too much": ("INSERT INTO cdc.held VALUES ('erp.t_ICItem', '{102}', 'UDI-102')", "held too much"),
    "held too little": ("DELETE FROM cdc.held WHERE code = 'QC-101'", "held too little"),
}
MORE_DAMAGES = {
    "canonical row missing": ("DELETE FROM trace.party", "canonical row missing"),
    "canonical row too many": ("INSERT INTO trace.party (party_id) VALUES ('C003')", "canonical row too many"),
    "measured bound as a bare number": ("UPDATE trace.test_measurement SET comparator = '<'", "canonical value"),
    "row of an exploded list missing": ("DELETE FROM trace.test_measurement", "canonical row missing"),
    "conflict forgotten": ("UPDATE trace.material_lot SET _conflicts = NULL", "canonical value"),
    "conflict with another value": (
        "UPDATE trace.material_lot SET _conflicts = jsonb_set(_conflicts, '{0,value}', '\"2026-03-01\"')",
        "canonical value",
    ),
    "tombstone missing": ("DELETE FROM trace.material WHERE _deleted", "canonical row missing"),
    "held by another code": ("UPDATE cdc.held SET code = 'REF-301' WHERE code = 'COD-201'", "held by another code"),
    "padding of a char column": ("UPDATE mes.mes_genealogy SET child_lot = 'L-1 '", "value"),
    "a microsecond": ("UPDATE mes.mes_wo SET started_at = started_at + '1 microsecond'", "value"),
    "zero date as epoch": ("""UPDATE erp."SEOrderEntry" SET "FShipDate" = 'epoch' WHERE "FEntryID" = 2""", "value"),
    "NULL as empty text": ("""UPDATE erp."t_ICItem" SET "FHelpCode" = '' WHERE "FItemID" = 101""", "value"),
    "bit": ("""UPDATE erp."t_Stock" SET "FIsStockMgr" = B'0'""", "value"),
    "column of the mirror missing": ("ALTER TABLE mes.mes_label DROP COLUMN void", "mirror column missing"),
    "source key": ("UPDATE trace.test_result SET _source_key = '{2}'", "canonical value"),
    "captured twice": ("UPDATE cdc.batch SET captured = captured + 1, landed = landed + 1 WHERE batch = 1", "ledger"),
    "fates that do not add up": ("UPDATE cdc.batch SET control = control + 1 WHERE batch = 1", "ledger"),
    "record between batches": ("UPDATE cdc.batch SET next_offset = next_offset - 1 WHERE batch = 1", "ledger"),
    "batches that overlap": ("UPDATE cdc.batch SET first_offset = first_offset - 1 WHERE batch = 2", "ledger"),
    "batch missing": ("DELETE FROM cdc.batch WHERE batch = 1", "ledger"),
    "record after the last batch": ("UPDATE cdc.batch SET next_offset = next_offset - 1 WHERE batch = 2", "ledger"),
    "record in another batch": (
        "UPDATE cdc.batch SET captured = captured + CASE batch WHEN 1 THEN 1 ELSE -1 END",
        "ledger",
    ),
    "position behind the ledger": ("UPDATE cdc.position SET next_offset = next_offset - 1", "ledger"),
}


@pytest.fixture(scope="module")
def prepared(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Path]]:
    """Environment of databases of our own in the stack's servers, and the log."""
    env = stack.env | dict.fromkeys(("CDC_ERP_DATABASE", "CDC_MES_DATABASE", "CDC_TARGET_DATABASE"), "compared")
    log = tmp_path_factory.mktemp("compare") / "simulator.jsonl"
    log.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LOG), encoding="utf-8")
    _make_erp(stack.env)
    for prefix, account in (("CDC_MES", "CDC_MES_DBA"), ("CDC_TARGET", "CDC_TARGET_ADMIN")):
        owner = env[f"{prefix}_ADMIN_USER" if prefix == "CDC_MES" else f"{prefix}_USER"]
        _run_as(stack.env, prefix, account, "postgres", "DROP DATABASE IF EXISTS compared WITH (FORCE)")
        _run_as(stack.env, prefix, account, "postgres", f"CREATE DATABASE compared OWNER {owner}")
    _make_mes(env)
    _make_target(env)
    yield env, log
    _drop(stack.env, "CDC_MES", "CDC_MES_DBA", "compared")
    _drop(stack.env, "CDC_TARGET", "CDC_TARGET_ADMIN", "compared")


@pytest.fixture
def damaged(prepared: tuple[dict[str, str], Path]) -> Iterator[dict[str, str]]:
    """Environment whose target is a copy that a test may damage."""
    env, _ = prepared
    _run_as(env, "CDC_TARGET", "CDC_TARGET_ADMIN", "postgres", "CREATE DATABASE damaged TEMPLATE compared OWNER cdc")
    yield env | {"CDC_TARGET_DATABASE": "damaged"}
    _drop(env, "CDC_TARGET", "CDC_TARGET_ADMIN", "damaged")


def test_a_target_that_is_right_compares_clean(prepared: tuple[dict[str, str], Path]) -> None:
    result = compare(*prepared)
    assert result.clean, result.first
    assert result.mirror_rows == sum(len(rows) for rows in [*ERP.values(), *MES.values()])
    assert (result.canonical_rows, result.tombstones, result.held) == (20, 2, 8)
    assert result.compared_rows == result.mirror_rows + result.canonical_rows + result.held
    assert result.ledger["captured"] == _EVENTS == result.ledger["landed"] + result.ledger["control"]


@pytest.mark.parametrize("damage", DAMAGES | MORE_DAMAGES)
def test_a_damage_is_found_for_what_it_is(
    damage: str, damaged: dict[str, str], prepared: tuple[dict[str, str], Path]
) -> None:
    statement, kind = (DAMAGES | MORE_DAMAGES)[damage]
    with _target(damaged) as target:
        assert target.execute(statement).rowcount != 0
    assert kind in compare(damaged, prepared[1]).by_kind


def test_there_are_ten_damages() -> None:
    assert len(DAMAGES) == 10


def test_a_bad_row_that_the_log_does_not_know_is_found(prepared: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    env, log = prepared
    shortened = tmp_path / "simulator.jsonl"
    shortened.write_text(re.sub(r'\["mes.mes_sn", \["SN2"\], "LOT-101"\],? ?', "", log.read_text()))
    assert [mismatch.kind for mismatch in compare(env, shortened).first] == ["log"]


def test_a_healed_row_that_is_still_bad_is_found(prepared: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    env, log = prepared
    longer = tmp_path / "simulator.jsonl"
    healed = {"seq": 5, "source": "mes", "action": "correct", "healed": [["mes.mes_insp_h", ["2"]]]}
    longer.write_text(f"{log.read_text()}{json.dumps(healed)}\n")
    assert [mismatch.kind for mismatch in compare(env, longer).first] == ["log"]


def _make_erp(env: dict[str, str]) -> None:
    connection = pymysql.connect(
        host=env["CDC_ERP_HOST"],
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_DBA_USER"],
        password=env["CDC_ERP_DBA_PASSWORD"],
        charset="utf8mb4",
        init_command="SET sql_log_bin = 0",  # not for a connector that may be at work
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS compared")
        cursor.execute("CREATE DATABASE compared CHARACTER SET gbk")
        cursor.execute(f"GRANT ALL ON compared.* TO {env['CDC_ERP_ADMIN_USER']}@'%'")
        cursor.execute("USE compared")
        for statement in _statements(REPO / "compose" / "erp" / "schema.sql"):
            cursor.execute(statement)
        for table, rows in ERP.items():
            for row in rows:
                marks = ", ".join(["%s"] * len(row))
                cursor.execute(f"INSERT INTO `{table}` ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def _make_mes(env: dict[str, str]) -> None:
    with _connect(env, "CDC_MES", "CDC_MES_ADMIN", "compared") as mes:
        mes.execute((REPO / "compose" / "mes" / "schema.sql").read_text())
        _insert(mes, "public", MES)


def _make_target(env: dict[str, str]) -> None:
    """Mirrors are the sources' tables with PostgreSQL's types; defaults of the source stand in the rows."""
    with _target(env) as target:
        target.execute("CREATE SCHEMA erp; CREATE SCHEMA mes")
        target.execute("SET search_path = mes")
        target.execute((REPO / "compose" / "mes" / "schema.sql").read_text())
        target.execute("SET search_path = erp")
        for statement in _statements(REPO / "compose" / "erp" / "schema.sql")[1:]:
            target.execute(_as_postgresql(statement))
        _insert(target, "erp", {table: [_as_stored(row) for row in rows] for table, rows in ERP.items()})
        _insert(target, "mes", MES)
        target.execute(Path(__file__).with_name("target.sql").read_text())
        _make_ledger(env, target)


def _make_ledger(env: dict[str, str], target: psycopg.Connection[Any]) -> None:
    """Two transactions in a topic, with their control records between: offsets have gaps, the ledger has none."""
    admin = KafkaAdminClient(bootstrap_servers=env["CDC_KAFKA"])
    if _TOPIC in admin.list_topics():
        admin.delete_topics([_TOPIC])
    admin.create_topics([NewTopic(_TOPIC, 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=env["CDC_KAFKA"], transactional_id="compared")
    producer.init_transactions()
    for events, commit in ((4, True), (5, False), (3, True)):
        producer.begin_transaction()
        sent = [producer.send(_TOPIC, value=b"{}", partition=0) for _ in range(events)]
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    end = sent[-1].get().offset + 1
    producer.close()
    target.execute("INSERT INTO cdc.position VALUES (%s, %s)", (_TOPIC, end))
    target.execute("INSERT INTO cdc.batch VALUES (%s, 1, 0, 4, 4, 2, 0, 0, 0, 0, 2)", (_TOPIC,))
    target.execute("INSERT INTO cdc.batch VALUES (%s, 2, 4, %s, 3, 1, 0, 0, 0, 0, 2)", (_TOPIC, end))


def _statements(path: Path) -> list[str]:
    text = re.sub(r"--.*", "", path.read_text())
    return [statement for statement in (part.strip() for part in text.split(";")) if statement]


def _as_postgresql(statement: str) -> str:
    """Turn a CREATE TABLE of MariaDB into one of PostgreSQL."""
    text = re.sub(r"COMMENT '[^']*'|,\s*KEY [^\n]*|ENGINE=.*", "", statement)
    for pattern, replacement in (
        *((r"\btinyint\b", "smallint"), (r"\bchar\(", "varchar("), (r"\bdecimal\(", "numeric(")),
        *((r"\bdatetime\b", "timestamp(0)"), (r"DEFAULT '0000-00-00( 00:00:00)?'", ""), (r"b'0'", "B'0'")),
    ):
        text = re.sub(pattern, replacement, text)
    return re.sub(r"(?<=[\s(])(F\w+|t_\w+|IC\w+|SE\w+)(?=[\s(,)])", r'"\1"', text)


def _as_stored(row: dict[str, Any]) -> dict[str, Any]:
    """What MariaDB keeps of it: char columns without the blanks at their end, no zero dates."""
    stored = {name: None if str(value).startswith("0000-00-00") else value for name, value in row.items()}
    if "FNumber" in stored:
        stored["FNumber"] = stored["FNumber"].rstrip(" ")
    return stored


def _insert(connection: psycopg.Connection[Any], schema: str, rows: Rows) -> None:
    for table, table_rows in rows.items():
        for row in table_rows:
            connection.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(schema, table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(sql.Literal(_literal(value)) for value in row.values()),
                )
            )


def _literal(value: Any) -> str | None:
    return value if value is None else str(value)


def _target(env: dict[str, str]) -> psycopg.Connection[Any]:
    return _connect(env, "CDC_TARGET", "CDC_TARGET", env["CDC_TARGET_DATABASE"])


def _connect(env: dict[str, str], prefix: str, account: str, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=env[f"{prefix}_HOST"],
        port=int(env[f"{prefix}_PORT"]),
        user=env[f"{account}_USER"],
        password=env[f"{account}_PASSWORD"],
        dbname=database,
        autocommit=True,
    )


def _run_as(env: dict[str, str], prefix: str, account: str, database: str, statement: str) -> None:
    with _connect(env, prefix, account, database) as connection:
        connection.execute(statement)


def _drop(env: dict[str, str], prefix: str, account: str, database: str) -> None:
    _run_as(env, prefix, account, "postgres", f"DROP DATABASE {database} WITH (FORCE)")
