from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdc.capture.policy import policy_of
from cdc.capture.source import Source, SourceTable, find_source, load_sources, parse_source
from cdc.errors import FatalError
from transforms.beside import OF_A_SOURCE, OF_A_TARGET

GOOD = """\
kind: postgresql
host: ${env:HOST}
port: 5432
database: mes
user: capture
password: ${file:/run/secrets/mes.properties:password}
tables:
  - public.orders
  - table: public.lines
    key: [order_no, line_no]
tls: {ca: /run/secrets/mes.pem}
"""


def test_a_file_that_has_not_been_written_yet(tmp_path: Path) -> None:
    assert parse_source("mes", GOOD) == _load(tmp_path, GOOD)
    for wrong in (GOOD + "settings: {decimal.handling.mode: double}\n", GOOD + "tabels: []\n", "kind: ["):
        with pytest.raises(FatalError, match="SRC-101"):
            parse_source("mes", wrong)


def test_columns_for_which_tokens_stand(tmp_path: Path) -> None:
    source = _load(tmp_path, GOOD.replace("line_no]", "line_no]\n    tokens: {name: person, phone: person.v2}"))
    assert policy_of(source) == {"mes.lines": {"name": "person", "phone": "person.v2"}}


def test_what_landing_does_where_tables_change(tmp_path: Path) -> None:
    said = "drift: {column_added: ignore, type_widened: halt, value: hold}\n"
    assert _load(tmp_path, GOOD + said).drift == {"column_added": "ignore", "type_widened": "halt", "value": "hold"}
    assert _load(tmp_path, GOOD).drift == {}


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("halt", "drift is not a group of entries"),
        ("{table_dropped: halt}", "table_dropped is not an entry of drift"),
        ("{column_dropped: ignore}", "column_dropped is none of evolve, halt"),
        ("{column_added: [halt]}", "column_added is none of evolve, halt, ignore"),
        ("{value: evolve}", "value is none of hold"),
    ],
)
def test_policies_that_there_are_not(tmp_path: Path, said: str, fault: str) -> None:
    assert _faults(tmp_path, f"{GOOD}drift: {said}\n") == [f"mes.yaml:12: {fault}"]


def test_the_sources_of_the_demo_load() -> None:
    sources = load_sources(Path("connector-configs"))
    assert {name: (source.kind, source.stream, len(source.tables)) for name, source in sources.items()} == {
        "erp": ("mariadb", "cdc.erp", 12),
        "mes": ("postgresql", "cdc.mes", 9),
    }
    inventory = next(table for table in sources["erp"].tables if table.name == "ICInventory")
    assert inventory.key == ("FItemID", "FStockID", "FBatchNo")


def test_references_stay_references_and_order_stays_order(tmp_path: Path) -> None:
    source = _load(tmp_path, GOOD)
    assert (source.host, source.port) == ("${env:HOST}", "5432")
    assert source.password == "${file:/run/secrets/mes.properties:password}"
    assert source.tables == (
        SourceTable("public", "orders"),
        SourceTable("public", "lines", ("order_no", "line_no")),
    )


def test_columns_may_be_left_out(tmp_path: Path) -> None:
    source = _load(tmp_path, GOOD.replace("line_no]", "line_no]\n    without: [photo, odd$]"))
    assert source.tables[1] == SourceTable("public", "lines", ("order_no", "line_no"), ("photo", "odd$"))


def test_zero_dates_are_null_if_the_file_says_so(tmp_path: Path) -> None:
    text = GOOD.replace("postgresql", "mariadb").replace("public.", "").partition("tls:")[0] + "tls: {mode: disable}\n"
    assert _load(tmp_path, text).zero_dates == ""
    assert _load(tmp_path, text + "zero_dates: as_null\n").zero_dates == "as_null"
    assert any("zero_dates is none of as_null" in fault for fault in _faults(tmp_path, text + "zero_dates: x\n"))


def test_a_source_runs_unless_its_file_says_otherwise(tmp_path: Path) -> None:
    assert _load(tmp_path, GOOD).state == "running"
    assert _load(tmp_path, GOOD + "state: stopped\n").state == "stopped"


def test_settings_are_text_as_connectors_take_them(tmp_path: Path) -> None:
    source = _load(tmp_path, GOOD + "settings: {slot.failover: true, max.batch.size: 4096}\n")
    assert source.settings == {"slot.failover": "true", "max.batch.size": "4096"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("kind: postgresql", "kind: sybase"), "mes.yaml:1: kind is none of mariadb, mysql, postgresql"),
        (("kind: postgresql", "kind: oracle"), "mes.yaml:1: kind oracle is not landed"),
        (("host: ${env:HOST}\n", ""), "mes.yaml:1: host is missing"),
        (("user: capture", "user:"), "mes.yaml:5: user is not a single value"),
        (("port: 5432", "port: 70000"), "mes.yaml:3: port is not a port"),
        (("${file:/run/secrets/mes.properties:password}", "geheim"), "mes.yaml:6: password is written out"),
        (("tables:", "state: off\ntables:"), "mes.yaml:7: state is none of running, paused, stopped"),
        (("tables:", "tabels:"), "mes.yaml:7: tabels is not an entry of a connector file"),
        (("public.orders", "orders"), "mes.yaml:8: table is not schema.table"),
        (("public.orders", "public.lines"), "mes.yaml:9: table lines stands twice"),
        (("public.orders", "archive.Lines"), "mes.yaml:9: table lines stands twice"),
        (("public.orders", '"public.a,b"'), "mes.yaml:8: table public.a,b holds a character"),
        (("key: [order_no, line_no]", "key: []"), "mes.yaml:10: key is not a list of columns"),
        (("line_no]", "order_no]"), "mes.yaml:10: a column stands twice under key"),
        (("line_no]", '"a;b"]'), "mes.yaml:10: a column under key holds a character"),
        (("    key:", "    keys:"), "mes.yaml:10: keys is not an entry of a table"),
        (("line_no]", "line_no]\n    tokens: [x]"), "mes.yaml:11: tokens are not columns, each with the name of a key"),
        (("line_no]", "line_no]\n    tokens: {x: Person}"), "mes.yaml:11: Person is no name of a key of tokens"),
        (("line_no]", "line_no]\n    without: x"), "mes.yaml:11: without is not a list of columns"),
        (("line_no]", "line_no]\n    without: [a, a]"), "mes.yaml:11: a column stands twice under without"),
        (("line_no]", "line_no]\n    without: [line_no]"), "mes.yaml:11: a column under without is also under key"),
        (("tables:", "zero_dates: as_null\ntables:"), "mes.yaml:7: zero_dates is an entry for MariaDB"),
        (("kind:", "kind: mariadb\nkind:"), "mes.yaml:2: kind stands twice"),
    ],
)
def test_a_fault_names_its_line(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    assert change[0] in GOOD
    assert any(line.startswith(fault) for line in _faults(tmp_path, GOOD.replace(*change)))


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        # Pinned, since its default alters values.
        ("decimal.handling.mode: double", "decimal.handling.mode is not a setting that a source may change"),
        ("provide.transaction.metadata: false", "provide.transaction.metadata is not a setting that a source may"),
        # Not known to the connector, which would ignore it in silence.
        ("max.batchsize: 4096", "max.batchsize is not a setting that a source may change"),
        # Of the other kind of database.
        ("database.server.id: 7", "database.server.id is not a setting that a source may change"),
        ("database.sslmode: disable", "database.sslmode is not a setting that a source may change"),
        ("producer.override.sasl.jaas.config: geheim", "producer.override.sasl.jaas.config is written out"),
        ("max.batch.size: [1]", "max.batch.size is not a single value"),
    ],
)
def test_only_harmless_settings_may_differ(tmp_path: Path, setting: str, fault: str) -> None:
    (line,) = _faults(tmp_path, GOOD + f"settings:\n  {setting}\n")
    assert line.startswith(f"mes.yaml:13: {fault}")


BESIDE = [f"mes{suffix}" for suffix in (*OF_A_SOURCE, *OF_A_TARGET)]


@pytest.mark.parametrize(
    "name", ["Mes", "1mes", "cdc", "trace", "pg_mes", "information_schema", *BESIDE, "a" * 41, "me-s"]
)
def test_a_source_is_named_so_that_topic_schemas_and_slot_can_be(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.yaml").write_text(GOOD)
    with pytest.raises(FatalError, match="name"):
        load_sources(tmp_path)


def test_schemas_beside_others_are_named_by_one_list() -> None:
    assert {"mes_change", "mes_contribution", "mes_leaving", "mes_deleted", "mes_held", "mes_shadow"} == {*BESIDE}
    suffixes = "|".join((*OF_A_SOURCE, *OF_A_TARGET))
    made_up = re.compile(rf"""(schema|base)\}}({suffixes})|nspname \|\| '_|\+ ["']({suffixes})["']""")
    for path in (*Path("cdc").rglob("*.py"), *Path("transforms").rglob("*.py")):
        assert not made_up.search(path.read_text(encoding="utf-8")), path


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "erp.yaml").write_text("kind: mariadb\n")
    (tmp_path / "mes.yaml").write_text(GOOD.replace("port: 5432", "port: x").replace("user: capture\n", ""))
    with pytest.raises(FatalError) as refused:
        load_sources(tmp_path)
    assert refused.value.code == "SRC-101"
    lines = refused.value.detail.split()
    assert lines.count("erp.yaml:1:") == 6
    assert len([line for line in lines if line.startswith("mes.yaml:")]) == 2


@pytest.mark.parametrize("content", ["", "- a\n", "kind: [\n", "tables: null\n"])
def test_what_is_no_connector_file_is_a_fault_and_no_crash(tmp_path: Path, content: str) -> None:
    assert _faults(tmp_path, content)


def test_an_unknown_source_is_told_with_those_that_are_known() -> None:
    with pytest.raises(FatalError, match=r"SRC-103 .*wms \(known: erp, mes\)"):
        find_source(load_sources(Path("connector-configs")), "wms")


def _load(folder: Path, content: str) -> Source:
    (folder / "mes.yaml").write_text(content)
    return load_sources(folder)["mes"]


def _faults(folder: Path, content: str) -> list[str]:
    (folder / "mes.yaml").write_text(content)
    with pytest.raises(FatalError) as refused:
        load_sources(folder)
    assert refused.value.code == "SRC-101"
    return [line.strip() for line in refused.value.detail.splitlines()[1:]]
