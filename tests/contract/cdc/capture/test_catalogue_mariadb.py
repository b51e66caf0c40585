from __future__ import annotations

from collections.abc import Callable

import pytest

from cdc.capture.cascade import Cascade
from cdc.capture.catalogue import estimate_rows, follow_contracts, read_contracts
from cdc.capture.catalogue_binlog import filter_fault
from cdc.capture.contract import Contract, from_document, to_document
from cdc.capture.encryption import Encryption
from cdc.capture.source import Source
from cdc.errors import CdcError, FatalError, NotAdmitted, TransientError

Run = Callable[[str], None]
Describe = Callable[..., Source]

_UUID = "uuid: the log reader drops zero bytes at its end"
_ESCAPED = r"legacy.t.e is enum('a\\b'): the log reader alters members with '\\'"

TYPES = """
CREATE TABLE types (
  id int(10) unsigned PRIMARY KEY, ti tinyint, tiu tinyint unsigned, flag tinyint(1), bo boolean,
  si smallint, siu smallint unsigned, mi mediumint, miu mediumint unsigned zerofill, i int, iu int unsigned,
  bi bigint, biu bigint unsigned, d decimal(28,10), du decimal(10,2) unsigned, f float, db double,
  b1 bit, b10 bit(10), c char(40) CHARACTER SET gbk, vc varchar(255) CHARACTER SET gbk, tt tinytext, lt longtext,
  js json, bn binary(8), vb varbinary(16), bl blob, da date, dt datetime, dt6 datetime(6), ts timestamp NULL,
  ts3 timestamp(3) NULL, tm time, tm6 time(6), yr year, en enum('a','b unsigned','c(1)'), se set('x','y')
)"""

MIRRORS = {
    "id": ("int(10) unsigned", "bigint", "int"),
    "ti": ("tinyint(4)", "smallint", "int"),
    "tiu": ("tinyint(3) unsigned", "smallint", "int"),
    "flag": ("tinyint(1)", "smallint", "tinyint1"),
    "bo": ("tinyint(1)", "smallint", "tinyint1"),
    "si": ("smallint(6)", "smallint", "int"),
    "siu": ("smallint(5) unsigned", "integer", "int"),
    "mi": ("mediumint(9)", "integer", "int"),
    "miu": ("mediumint(8) unsigned zerofill", "integer", "int"),
    "i": ("int(11)", "integer", "int"),
    "iu": ("int(10) unsigned", "bigint", "int"),
    "bi": ("bigint(20)", "bigint", "int"),
    "biu": ("bigint(20) unsigned", "numeric(20,0)", "int"),
    "d": ("decimal(28,10)", "numeric(28,10)", "decimal"),
    "du": ("decimal(10,2) unsigned", "numeric(10,2)", "decimal"),
    "f": ("float", "real", "float"),
    "db": ("double", "double precision", "float"),
    "b1": ("bit(1)", "bit(1)", "bit:1"),
    "b10": ("bit(10)", "bit(10)", "bit:10"),
    "c": ("char(40)", "character varying(40)", "text"),
    "vc": ("varchar(255)", "character varying(255)", "text"),
    "tt": ("tinytext", "text", "text"),
    "lt": ("longtext", "text", "text"),
    "js": ("longtext", "text", "text"),
    "bn": ("binary(8)", "bytea", "bytes_hex"),
    "vb": ("varbinary(16)", "bytea", "bytes_hex"),
    "bl": ("blob", "bytea", "bytes_hex"),
    "da": ("date", "date", "date"),
    "dt": ("datetime", "timestamp without time zone", "timestamp_us"),
    "dt6": ("datetime(6)", "timestamp(6) without time zone", "timestamp_us"),
    "ts": ("timestamp", "timestamp with time zone", "timestamptz_iso"),
    "ts3": ("timestamp(3)", "timestamp(3) with time zone", "timestamptz_iso"),
    "tm": ("time", "interval", "duration_us"),
    "tm6": ("time(6)", "interval", "duration_us"),
    "yr": ("year(4)", "smallint", "year"),
    "en": ("enum('a','b unsigned','c(1)')", "text", "enum"),
    "se": ("set('x','y')", "text", "set"),
}

DEFAULTS = """
CREATE TABLE defaults (
  id int PRIMARY KEY AUTO_INCREMENT, none int NULL, nul varchar(9) DEFAULT NULL, must int NOT NULL,
  must_text varchar(9) NOT NULL, must_bits bit(4) NOT NULL, must_day date NOT NULL, must_enum enum('a') NOT NULL,
  num decimal(9,3) NOT NULL DEFAULT -1.5, txt varchar(20) DEFAULT 'it''s \\\\ "x"', bits bit(4) DEFAULT b'101',
  zero datetime NULL DEFAULT '0000-00-00 00:00:00', zero_must datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  day datetime NULL DEFAULT '2024-02-29 12:00:00', clock time DEFAULT '-12:30:00', yes boolean DEFAULT true,
  moment timestamp NULL DEFAULT '2024-02-29 12:00:00', now datetime DEFAULT current_timestamp(),
  called varchar(36) DEFAULT (uuid()), pick enum('a','b') DEFAULT 'b', raw varbinary(4) DEFAULT 'ab'
)"""

MIRROR_DEFAULTS = {
    "id": (None, True),
    "none": (None, False),
    "nul": (None, False),
    "must": ("0", False),
    "must_text": ("", False),
    "must_bits": ("0000", False),
    "must_day": (None, True),
    "must_enum": (None, True),
    "num": ("-1.500", False),
    "txt": ('it\'s \\ "x"', False),
    "bits": ("0101", False),
    "zero": (None, False),
    "zero_must": (None, True),
    "day": ("2024-02-29 12:00:00", False),
    "clock": ("-12:30:00", False),
    "yes": ("1", False),
    "moment": (None, True),
    "now": (None, True),
    "called": (None, True),
    "pick": ("b", False),
    "raw": (None, True),
}


def test_every_type_has_its_mirror(mariadb: Run, mariadb_source: Describe, servers: dict[str, str]) -> None:
    mariadb(TYPES)
    contract = _only(mariadb_source("types"), servers)
    assert {column.name: (column.type, column.mirror_type, column.decoder) for column in contract.columns} == MIRRORS
    assert contract.mirror == "legacy.types"
    assert contract.source_table == "quirks.types"


def test_a_contract_survives_its_file(mariadb: Run, mariadb_source: Describe, servers: dict[str, str]) -> None:
    mariadb(TYPES)
    contract = _only(mariadb_source("types"), servers)
    assert from_document(to_document(contract), "types.yaml") == contract


def test_what_the_source_says_of_a_column_is_kept(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb(
        "CREATE TABLE told (id int PRIMARY KEY, f_101 varchar(20) COMMENT '生产批号 ''x''', n int)"
        " DEFAULT CHARACTER SET gbk"
    )
    contract = _only(mariadb_source("told"), servers)
    assert [column.comment for column in contract.columns] == [None, "生产批号 'x'", None]
    kept = from_document(to_document(contract), "told.yaml")
    assert [column.comment for column in kept.columns] == [None, "生产批号 'x'", None]


def test_text_columns_carry_their_charset(mariadb: Run, mariadb_source: Describe, servers: dict[str, str]) -> None:
    mariadb(TYPES)
    contract = _only(mariadb_source("types"), servers)
    charsets = {name: contract.column(name).charset for name in ("c", "vc", "lt", "bl", "i")}
    assert charsets == {"c": "gbk", "vc": "gbk", "lt": "utf8mb4", "bl": None, "i": None}


def test_defaults_are_what_older_rows_hold(mariadb: Run, mariadb_source: Describe, servers: dict[str, str]) -> None:
    mariadb(DEFAULTS)
    contract = _only(mariadb_source("defaults"), servers)
    found = {column.name: (column.default, column.computed_default) for column in contract.columns}
    assert found == MIRROR_DEFAULTS


def test_a_default_is_whole_though_the_catalogue_prints_question_marks(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(9) NOT NULL DEFAULT '无 😀', b varchar(9) DEFAULT '?',"
        " c varchar(9) DEFAULT (concat('?', uuid()))) DEFAULT CHARACTER SET utf8mb4"
    )
    empty = _only(mariadb_source("t"), servers)
    assert [(column.default, column.computed_default) for column in empty.columns[1:]] == [(None, True)] * 3
    mariadb("INSERT INTO t (id) VALUES (1)")
    contract = _only(mariadb_source("t"), servers)
    found = [(column.default, column.computed_default) for column in contract.columns[1:]]
    assert found == [("无 😀", False), ("?", False), (None, True)]


def test_generated_columns_are_omitted(mariadb: Run, mariadb_source: Describe, servers: dict[str, str]) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY, a int, v int AS (a * 2) VIRTUAL, s int AS (a * 3) PERSISTENT)")
    contract = _only(mariadb_source("t"), servers)
    assert [column.name for column in contract.columns] == ["id", "a"]
    assert contract.omitted == ("v", "s")


def test_the_key_is_the_primary_key_in_its_own_order(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE t (a int, b varchar(9), c int, PRIMARY KEY (c, a))")
    contract = _only(mariadb_source("t"), servers)
    assert (contract.key, contract.key_origin) == (("c", "a"), "primary")


def test_a_declared_key_stands_in_for_a_missing_one(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE t (a int NOT NULL, b varchar(9) NOT NULL, c int)")
    contract = _only(mariadb_source(("t", ("b", "a"))), servers)
    assert (contract.key, contract.key_origin) == (("b", "a"), "declared")


@pytest.mark.parametrize(
    ("ddl", "tables", "code", "detail"),
    [
        ("CREATE TABLE t (a int)", ["t"], "SRC-121", "legacy.t"),
        ("CREATE TABLE t (a int, UNIQUE (a))", ["t"], "SRC-121", "legacy.t"),
        ("CREATE TABLE t (a int)", [("t", ("a",))], "SRC-122", "legacy.t: a may be NULL"),
        ("CREATE TABLE t (a int NOT NULL)", [("t", ("b",))], "SRC-122", "legacy.t has no column b"),
        ("CREATE TABLE t (id int PRIMARY KEY)", ["T"], "SRC-120", "quirks.T"),
        ("CREATE VIEW t AS SELECT 1 AS id", ["t"], "SRC-120", "quirks.t is a view"),
        ("CREATE TABLE t (id int PRIMARY KEY, e enum('a\\\\b'))", ["t"], "SRC-202", _ESCAPED),
        ("CREATE TABLE t (id uuid PRIMARY KEY)", ["t"], "SRC-202", f"legacy.t.id is {_UUID}"),
        ("CREATE TABLE t (id int PRIMARY KEY, c text CHARACTER SET big5)", ["t"], "SRC-203", "legacy.t.c is big5"),
        ("CREATE TABLE t (id int PRIMARY KEY, _offset int)", ["t"], "SRC-204", "legacy.t: column '_offset'"),
    ],
)
def test_what_cannot_be_mirrored_is_refused(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], ddl: str, tables: list[str], code: str, detail: str
) -> None:
    mariadb(ddl)
    assert _refusal(mariadb_source(*tables), servers) == (code, detail)


def test_a_child_of_a_cascading_key_is_refused_without_its_parent(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE parent (id int PRIMARY KEY)")
    for rule in ("ON DELETE CASCADE", "ON UPDATE CASCADE", "ON DELETE SET NULL"):
        mariadb("DROP TABLE IF EXISTS child")
        mariadb(f"""CREATE TABLE child (id int PRIMARY KEY, parent int,
                    CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent (id) {rule})""")
        found = _refusal(mariadb_source("child"), servers)
        assert found == ("LND-107", "legacy.child (of_parent): quirks.parent is not captured")
    assert _only(mariadb_source("parent"), servers).key == ("id",)


def test_a_cascading_key_is_seen_by_an_account_that_may_only_read(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE `par``ent` (id int, no int, PRIMARY KEY (id, no))")
    mariadb("""CREATE TABLE `chi``ld` (id int PRIMARY KEY, parent int, `n``o` int, CONSTRAINT `of``parent`
               FOREIGN KEY (parent, `n``o`) REFERENCES `par``ent` (id, no) ON DELETE SET NULL ON UPDATE CASCADE)""")
    mariadb("CREATE OR REPLACE USER reader@'%' IDENTIFIED BY 'only-reads'; GRANT SELECT ON quirks.* TO reader@'%'")
    source = mariadb_source("par`ent", "chi`ld", user="reader", password="only-reads")
    _, child = read_contracts(source, servers)
    assert child.cascades == (
        Cascade("of`parent", ("parent", "n`o"), "quirks.par`ent", ("id", "no"), "set null", "cascade"),
    )
    assert from_document(to_document(child), "here") == child


@pytest.mark.parametrize(
    ("variable", "value"),
    [("sql_mode", "'ANSI_QUOTES'"), ("sql_mode", "'ORACLE'"), ("sql_quote_show_create", "0")],
)
def test_a_cascading_key_is_seen_however_the_server_prints_names(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], variable: str, value: str
) -> None:
    mariadb("CREATE TABLE parent (id int PRIMARY KEY)")
    mariadb("""CREATE TABLE child (id int PRIMARY KEY, parent int,
               CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE)""")
    source = mariadb_source("parent", "child")
    usual = read_contracts(source, servers)
    mariadb(f"SET @usual = @@GLOBAL.{variable}; SET GLOBAL {variable} = {value}")
    try:
        assert read_contracts(source, servers) == usual
    finally:
        mariadb(f"SET GLOBAL {variable} = @usual")
    assert usual[1].cascades


@pytest.mark.parametrize(("collation", "is_exact"), [("utf8mb4_bin", True), ("utf8mb4_general_ci", False)])
def test_texts_of_a_cascading_key_have_to_be_compared_byte_by_byte(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], collation: str, is_exact: bool
) -> None:
    mariadb(f"CREATE TABLE parent (id varchar(9) COLLATE {collation} PRIMARY KEY)")
    mariadb(f"""CREATE TABLE child (id int PRIMARY KEY, parent varchar(9) COLLATE {collation},
                CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE)""")
    source = mariadb_source("parent", "child")
    if is_exact:
        assert read_contracts(source, servers)[1].cascades
    else:
        detail = f"legacy.child (of_parent): its texts are compared by {collation}"
        assert _refusal(source, servers) == ("LND-107", detail)


def test_a_foreign_key_that_only_restricts_is_no_obstacle(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE parent (id int PRIMARY KEY)")
    mariadb("CREATE TABLE child (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id))")
    assert [contract.table for contract in read_contracts(mariadb_source("parent", "child"), servers)] == [
        "parent",
        "child",
    ]


def test_all_that_is_wrong_is_said_at_once(mariadb: Run, mariadb_source: Describe, servers: dict[str, str]) -> None:
    mariadb("CREATE TABLE a (id int)")
    mariadb("CREATE TABLE b (id int PRIMARY KEY, u uuid, v uuid)")
    code, detail = _refusal(mariadb_source("a", "b"), servers)
    assert code == "SRC-121"
    assert detail.splitlines()[1:] == [
        "  SRC-121 legacy.a",
        f"  SRC-202 legacy.b.u is {_UUID}",
        f"  SRC-202 legacy.b.v is {_UUID}",
    ]


@pytest.mark.parametrize(
    ("variable", "wrong", "right", "detail"),
    [
        ("binlog_row_image", "MINIMAL", "FULL", "legacy: binlog_row_image is MINIMAL, not FULL"),
        ("binlog_format", "STATEMENT", "ROW", "legacy: binlog_format is STATEMENT, not ROW"),
        ("log_bin_compress", "ON", "OFF", "legacy: log_bin_compress is ON, not OFF"),
    ],
)
def test_a_server_that_logs_less_than_all_is_refused(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], variable: str, wrong: str, right: str, detail: str
) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY)")
    mariadb(f"SET GLOBAL {variable} = {wrong}")
    try:
        assert _refusal(mariadb_source("t"), servers) == ("SRC-125", detail)
    finally:
        mariadb(f"SET GLOBAL {variable} = {right}")


@pytest.mark.parametrize(
    ("only", "ignored", "fault"),
    [
        ("", "", ""),
        ("erp", "", ""),
        ("mes,erp", "erp", ""),
        ("mes,erp_old", "", "binlog_do_db is mes,erp_old"),
        ("", "mes,erp", "binlog_ignore_db is mes,erp"),
        ("", "mes", ""),
    ],
)
def test_a_server_that_logs_some_databases_only(only: str, ignored: str, fault: str) -> None:
    """As `SHOW MASTER STATUS` tells it; the settings themselves take a restart of the server."""
    assert filter_fault(only, ignored, "erp") == fault


@pytest.mark.parametrize(
    ("ddl", "detail"),
    [
        ("CREATE TABLE other (a inet6)", "legacy: quirks.other.a is inet6"),
        ("CREATE TABLE other (a inet4)", "legacy: quirks.other.a is inet4"),
        ("CREATE TABLE other (a text COMPRESSED)", "legacy: quirks.other.a is text /*M!100301 COMPRESSED*/"),
    ],
)
def test_a_table_at_which_the_connector_would_stop_is_named_though_it_is_not_captured(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], ddl: str, detail: str
) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY)")
    mariadb(ddl)
    assert _refusal(mariadb_source("t"), servers) == ("SRC-126", detail)


@pytest.mark.parametrize(("place", "is_seen"), [("*.*", True), ("quirks.*", False)])
def test_only_who_may_read_everywhere_is_shown_such_a_table_elsewhere(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], place: str, *, is_seen: bool
) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY)")
    mariadb("CREATE OR REPLACE DATABASE elsewhere; CREATE TABLE elsewhere.other (a text COMPRESSED)")
    mariadb(f"CREATE OR REPLACE USER reader@'%' IDENTIFIED BY 'only-reads'; GRANT SELECT ON {place} TO reader@'%'")
    source = mariadb_source("t", user="reader", password="only-reads")
    if is_seen:
        assert _refusal(source, servers) == ("SRC-126", "legacy: elsewhere.other.a is text /*M!100301 COMPRESSED*/")
    else:
        assert _only(source, servers).key == ("id",)
    mariadb("DROP DATABASE elsewhere")


def test_a_column_that_is_left_out_does_not_cost_its_table(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY, u uuid, n int, v int AS (n) VIRTUAL, w int AS (n) VIRTUAL)")
    contract = _only(mariadb_source(("t", (), ("u", "w"))), servers)
    assert [column.name for column in contract.columns] == ["id", "n"]
    assert (contract.omitted, contract.without) == (("v",), ("u", "w"))
    assert from_document(to_document(contract), "t.yaml") == contract


def test_a_column_of_tokens_is_a_text(mariadb: Run, mariadb_source: Describe, servers: dict[str, str]) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY, name varchar(20) CHARACTER SET gbk)")
    contract = _only(mariadb_source(("t", (), (), False, (("name", "person"),))), servers)
    made = contract.column("name")
    assert (made.mirror_type, made.decoder, made.charset) == ("text", "token:person", "gbk")
    assert from_document(to_document(contract), "t.yaml") == contract
    named = mariadb_source(("t", (), (), False, (("id", "person"),)))
    assert _refusal(named, servers) == ("SRC-130", "legacy.t: id is no text")


@pytest.mark.parametrize(
    ("without", "detail"), [(("z",), "legacy.t has no column z"), (("id",), "legacy.t: id identifies its rows")]
)
def test_what_cannot_be_left_out_is_refused(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], without: tuple[str, ...], detail: str
) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY, n int)")
    assert _refusal(mariadb_source(("t", (), without)), servers) == ("SRC-127", detail)


def test_what_a_cascade_is_performed_by_is_not_left_out(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE parent (id int PRIMARY KEY, code int UNIQUE)")
    mariadb("""CREATE TABLE child (id int PRIMARY KEY, p int,
               FOREIGN KEY (p) REFERENCES parent (code) ON DELETE SET NULL)""")
    for tables, detail in (
        (["parent", ("child", (), ("p",))], "legacy: quirks.child.p is in a key that cascades"),
        ([("parent", (), ("code",)), "child"], "legacy: quirks.parent.code is in a key that cascades"),
    ):
        assert _refusal(mariadb_source(*tables), servers) == ("SRC-127", detail)


def test_zero_dates_are_null_only_where_somebody_says_so(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY, a date, b datetime, c timestamp NULL, d date, e date NOT NULL)")
    code, detail = _refusal(mariadb_source("t", zero_dates=""), servers)
    assert (code, detail) == ("SRC-206", "legacy.t.a, legacy.t.b, legacy.t.c and 1 more columns")
    contract = _only(mariadb_source("t", zero_dates="as_null"), servers)
    assert [column.name for column in contract.columns if column.zero_date_is_null] == ["a", "b", "c", "d"]
    _only(mariadb_source(("t", (), ("a", "b", "c", "d")), zero_dates=""), servers)


def test_bits_of_several_bytes_do_not_identify_rows(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE t (a bit(9), b bit(8), c bit(64), PRIMARY KEY (b, a))")
    reason = "legacy.t.a is bit(9): in a key its bytes are turned around"
    assert _refusal(mariadb_source("t"), servers) == ("SRC-202", reason)


def test_a_column_that_is_invisible_says_so(mariadb: Run, mariadb_source: Describe, servers: dict[str, str]) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY, n int(11) INVISIBLE)")
    column = _only(mariadb_source("t"), servers).column("n")
    assert (column.type, column.mirror_type) == ("int(11) invisible", "integer")


def test_nothing_is_written_and_the_reader_may_only_read(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY)")
    mariadb("CREATE OR REPLACE USER reader@'%' IDENTIFIED BY 'only-reads'; GRANT SELECT ON quirks.* TO reader@'%'")
    variables = {**servers, "PASSWORD": "only-reads"}
    source = mariadb_source("t", user="reader", password="${env:PASSWORD}")
    assert _only(source, variables).key == ("id",)


def test_a_wrong_password_is_told_from_an_absent_server(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str]
) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY)")
    variables = {**servers, "WRONG": "no-such-word"}
    with pytest.raises(FatalError, match="SRC-111") as refused:
        read_contracts(mariadb_source("t", password="${env:WRONG}"), variables)
    assert "no-such-word" not in refused.value.advice()
    with pytest.raises(TransientError, match=r"SRC-113 .*SRC-111, "):
        follow_contracts(mariadb_source("t", password="${env:WRONG}"), variables)
    with pytest.raises(FatalError, match="SRC-111"):
        read_contracts(mariadb_source("t", database="nowhere"), servers)
    with pytest.raises(TransientError, match="SRC-110"):
        read_contracts(mariadb_source("t", port="1"), servers)


@pytest.mark.parametrize("mode", ["verify-full", "require"])
def test_a_server_without_tls_gets_no_password(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], mode: str
) -> None:
    mariadb("CREATE TABLE t (id int PRIMARY KEY)")
    with pytest.raises(NotAdmitted, match=r"SRC-112 .*it offers no TLS"):
        read_contracts(mariadb_source("t", tls=Encryption(mode)), servers)


def test_references_that_lead_nowhere_are_named(mariadb_source: Describe) -> None:
    with pytest.raises(FatalError, match="SRC-101") as refused:
        read_contracts(mariadb_source("t"), {})
    assert [line.rpartition(": ")[2] for line in refused.value.detail.splitlines()[1:]] == [
        "environment variable CDC_PORT_ERP is not set",
        "environment variable CDC_ERP_DBA_USER is not set",
        "environment variable CDC_ERP_DBA_PASSWORD is not set",
    ]


def _only(source: Source, variables: dict[str, str]) -> Contract:
    (contract,) = read_contracts(source, variables)
    return contract


def _refusal(source: Source, variables: dict[str, str]) -> tuple[str, str]:
    with pytest.raises(CdcError) as refused:
        read_contracts(source, variables)
    return refused.value.code, refused.value.detail


def test_about_how_many_rows_a_table_has_stands_in_its_statistics(
    servers: dict[str, str], mariadb: Run, mariadb_source: Describe
) -> None:
    mariadb(
        "CREATE TABLE many (id int PRIMARY KEY); CREATE TABLE none (id int PRIMARY KEY); CREATE TABLE other (id int)"
    )
    mariadb("INSERT INTO many SELECT seq FROM seq_1_to_3000; ANALYZE TABLE many, none")
    found = estimate_rows(mariadb_source("many", "none", "absent"), servers)
    assert found.keys() == {"legacy.many", "legacy.none"}
    assert 2000 < found["legacy.many"] < 4000
    assert found["legacy.none"] == 0
