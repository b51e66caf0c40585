from __future__ import annotations

from collections.abc import Callable

import pytest

from cdc.capture.catalogue import estimate_rows, follow_contracts, read_contracts
from cdc.capture.contract import Contract, from_document, to_document, to_yaml
from cdc.capture.finding import Fault, faults_of
from cdc.capture.source import Source
from cdc.errors import CdcError, FatalError, TransientError
from cdc.land.contract.merge import is_published_anew

Run = Callable[[str], None]
Describe = Callable[..., Source]

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN quantity AS numeric(10,3) NOT NULL;
CREATE DOMAIN code AS varchar(5);
CREATE TYPE address AS (street text, number int);
CREATE TYPE floats AS RANGE (subtype = float8);
CREATE DOMAIN short_code AS code CHECK (VALUE <> '');
CREATE TABLE types (
  id integer PRIMARY KEY, si smallint, bi bigint, n numeric, n2 numeric(18,6), r real, d double precision, b boolean,
  c char(20), vc varchar(40), v varchar, t text, by bytea, da date, tm time, tm0 time(0), ts timestamp,
  ts3 timestamp(3), tz timestamptz, tz0 timestamptz(0), iv interval, days interval day to second(3), u uuid, j json,
  jb jsonb, x xml, ip inet, m macaddr, b1 bit, b10 bit(10), r4 int4range, tv tsvector, mo mood, q quantity,
  sc short_code, ia integer[], na numeric(10,2)[], va varchar(5)[], ma mood[], mon money, ch "char", nm name, oi oid,
  po point, pa path, mr datemultirange, ad address, fr floats, ja jsonb[], lb bit(200)
);
ALTER TABLE types REPLICA IDENTITY FULL;
CREATE PUBLICATION cdc FOR TABLE types"""

MIRRORS = {
    "id": ("integer", "integer", "int"),
    "si": ("smallint", "smallint", "int"),
    "bi": ("bigint", "bigint", "int"),
    "n": ("numeric", "numeric", "decimal"),
    "n2": ("numeric(18,6)", "numeric(18,6)", "decimal"),
    "r": ("real", "real", "float"),
    "d": ("double precision", "double precision", "float"),
    "b": ("boolean", "boolean", "boolean"),
    "c": ("character(20)", "character(20)", "text"),
    "vc": ("character varying(40)", "character varying(40)", "text"),
    "v": ("character varying", "character varying", "text"),
    "t": ("text", "text", "text"),
    "by": ("bytea", "bytea", "bytes_hex"),
    "da": ("date", "date", "date"),
    "tm": ("time without time zone", "time without time zone", "time_us"),
    "tm0": ("time(0) without time zone", "time(0) without time zone", "time_us"),
    "ts": ("timestamp without time zone", "timestamp without time zone", "timestamp_us"),
    "ts3": ("timestamp(3) without time zone", "timestamp(3) without time zone", "timestamp_us"),
    "tz": ("timestamp with time zone", "timestamp with time zone", "timestamptz_iso"),
    "tz0": ("timestamp(0) with time zone", "timestamp(0) with time zone", "timestamptz_iso"),
    "iv": ("interval", "interval", "interval"),
    "days": ("interval day to second(3)", "interval", "interval"),
    "u": ("uuid", "uuid", "uuid"),
    "j": ("json", "json", "json"),
    "jb": ("jsonb", "jsonb", "json"),
    "x": ("xml", "xml", "text"),
    "ip": ("inet", "inet", "text"),
    "m": ("macaddr", "macaddr", "text"),
    "b1": ("bit(1)", "bit(1)", "bit:1"),
    "b10": ("bit(10)", "bit(10)", "bit:10"),
    "r4": ("int4range", "int4range", "text"),
    "tv": ("tsvector", "tsvector", "text"),
    "mo": ("quirks.mood", "text", "enum"),
    "q": ("quirks.quantity", "numeric(10,3)", "decimal"),
    "sc": ("quirks.short_code", "character varying(5)", "text"),
    "ia": ("integer[]", "integer[]", "array:int"),
    "na": ("numeric(10,2)[]", "numeric(10,2)[]", "array:decimal"),
    "va": ("character varying(5)[]", "character varying(5)[]", "array:text"),
    "ma": ("quirks.mood[]", "text[]", "array:enum"),
    "mon": ("money", "numeric(19,2)", "decimal"),
    "ch": ('"char"', "text", "text"),
    "nm": ("name", "text", "text"),
    "oi": ("oid", "bigint", "int"),
    "po": ("point", "point", "point"),
    "pa": ("path", "path", "path"),
    "mr": ("datemultirange", "datemultirange", "text_hex"),
    "ad": ("quirks.address", "text", "text_hex"),
    "fr": ("quirks.floats", "text", "text_hex"),
    "ja": ("jsonb[]", "jsonb[]", "array:json"),
    "lb": ("bit(200)", "bit(200)", "bit:200"),
}


def test_every_type_has_its_mirror(postgresql: Run, postgresql_source: Describe, servers: dict[str, str]) -> None:
    postgresql(TYPES)
    contract = _only(postgresql_source("types"), servers)
    assert {column.name: (column.type, column.mirror_type, column.decoder) for column in contract.columns} == MIRRORS
    assert contract.mirror == "legacy.types"
    assert contract.source_table == "quirks.types"
    assert from_document(to_document(contract), "types.yaml") == contract


def test_what_the_source_says_of_a_column_is_kept(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql(
        "CREATE TABLE told (id int PRIMARY KEY, f_101 text); COMMENT ON COLUMN told.f_101 IS '生产批号';"
        " CREATE PUBLICATION cdc FOR TABLE told"
    )
    contract = _only(postgresql_source("told"), servers)
    assert [column.comment for column in contract.columns] == [None, "生产批号"]


def test_null_is_not_allowed_where_column_or_domain_forbids_it(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql(TYPES)
    contract = _only(postgresql_source("types"), servers)
    assert [column.name for column in contract.columns if not column.nullable] == ["id", "q"]


def test_generated_columns_are_omitted(postgresql: Run, postgresql_source: Describe, servers: dict[str, str]) -> None:
    postgresql("CREATE TABLE t (id int PRIMARY KEY, a int, s int GENERATED ALWAYS AS (a * 3) STORED)")
    postgresql("CREATE PUBLICATION cdc FOR TABLE t")
    contract = _only(postgresql_source("t"), servers)
    assert [column.name for column in contract.columns] == ["id", "a"]
    assert contract.omitted == ("s",)


def test_defaults_are_what_older_rows_hold(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("CREATE TABLE t (id int PRIMARY KEY, first text DEFAULT 'it''s', made timestamptz DEFAULT now())")
    postgresql("INSERT INTO t VALUES (1)")
    postgresql("""ALTER TABLE t ADD b int NOT NULL DEFAULT 7, ADD c text,
                  ADD d date DEFAULT to_date('2024-02-29', 'YYYY-MM-DD'), ADD h boolean NOT NULL DEFAULT false""")
    postgresql("CREATE PUBLICATION cdc FOR TABLE t")
    contract = _only(postgresql_source("t"), servers)
    found = {column.name: (column.default, column.computed_default) for column in contract.columns}
    assert found == {
        "id": (None, False),
        # No row is older than the table's first columns.
        "first": (None, False),
        "made": (None, False),
        "b": ("7", False),
        "c": (None, False),
        "d": ("2024-02-29", False),
        "h": ("f", False),
    }


def test_what_older_rows_hold_of_a_table_that_was_written_anew_is_told_only_without_a_default(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("CREATE TABLE t (id int PRIMARY KEY)")
    postgresql("INSERT INTO t VALUES (1)")
    postgresql("ALTER TABLE t ADD b int NOT NULL DEFAULT 7, ADD c text")
    postgresql("CREATE PUBLICATION cdc FOR TABLE t")
    postgresql("""ALTER TABLE t ADD e double precision DEFAULT random(), ADD f serial,
                  ADD g int GENERATED ALWAYS AS IDENTITY""")
    contract = _only(postgresql_source("t"), servers)
    found = {column.name: (column.default, column.computed_default) for column in contract.columns}
    assert found == {
        "id": (None, False),
        "b": (None, True),
        "c": (None, False),
        "e": (None, True),
        "f": (None, True),
        "g": (None, True),
    }


@pytest.mark.parametrize(
    ("ddl", "default", "computed"),
    [
        ("ALTER TABLE t ADD c text; ALTER TABLE t ALTER c SET DEFAULT 'B'", None, False),
        ("ALTER TABLE t ADD c text NOT NULL DEFAULT 'A'; ALTER TABLE t ALTER c DROP DEFAULT", "A", False),
        ("ALTER TABLE t ADD c text DEFAULT 'it''s'; VACUUM FULL t", None, True),
        ("VACUUM FULL t; ALTER TABLE t ADD c text DEFAULT 'it''s'", "it's", False),
        ("VACUUM FULL t; ALTER TABLE t ADD c text; ALTER TABLE t ALTER c SET DEFAULT 'B'", None, True),
    ],
)
def test_the_default_of_now_is_no_older_rows_value(
    postgresql: Run,
    postgresql_source: Describe,
    servers: dict[str, str],
    ddl: str,
    default: str | None,
    computed: bool,
) -> None:
    postgresql("CREATE TABLE t (id int PRIMARY KEY)")
    postgresql("INSERT INTO t VALUES (1)")
    postgresql("CREATE PUBLICATION cdc FOR TABLE t")
    for statement in ddl.split("; "):
        postgresql(statement)
    found = _only(postgresql_source("t"), servers).column("c")
    assert (found.default, found.computed_default) == (default, computed)


def test_columns_are_known_by_number_whatever_they_are_called(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("CREATE TABLE t (id int PRIMARY KEY, a int, b int); CREATE PUBLICATION cdc FOR TABLE t")
    postgresql("ALTER TABLE t DROP a; ALTER TABLE t RENAME b TO a; ALTER TABLE t ADD b int")
    contract = _only(postgresql_source("t"), servers)
    assert {column.name: column.number for column in contract.columns} == {"id": 1, "a": 3, "b": 4}
    assert "number" not in to_yaml(contract)


def test_the_default_of_older_rows_outlives_another_default(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    postgresql("ALTER TABLE t ADD a varchar(9) DEFAULT 'A'; ALTER TABLE t ADD made timestamptz DEFAULT now()")
    postgresql("ALTER TABLE t ALTER a SET DEFAULT 'B'")
    postgresql("CREATE PUBLICATION cdc FOR TABLE t")
    contract = _only(postgresql_source("t"), servers)
    assert contract.column("a").default == "A"
    made = contract.column("made")
    assert made.default is not None
    assert made.default.endswith("+00")
    assert not made.computed_default


@pytest.mark.parametrize(
    ("ddl", "key", "origin"),
    [
        ("CREATE TABLE t (a int, b int, c int, PRIMARY KEY (c, a))", ("c", "a"), "primary"),
        (
            "CREATE TABLE t (a int NOT NULL, b int); CREATE UNIQUE INDEX u ON t (a) INCLUDE (b);"
            "ALTER TABLE t REPLICA IDENTITY USING INDEX u",
            ("a",),
            "unique",
        ),
        ("CREATE TABLE t (a int PRIMARY KEY, b int); ALTER TABLE t REPLICA IDENTITY FULL", ("a",), "primary"),
    ],
)
def test_the_key_is_what_the_log_names_rows_by(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str], ddl: str, key: tuple[str, ...], origin: str
) -> None:
    postgresql(f"{ddl}; CREATE PUBLICATION cdc FOR TABLE t")
    contract = _only(postgresql_source("t"), servers)
    assert (contract.key, contract.key_origin) == (key, origin)


def test_a_declared_key_needs_the_whole_row_in_the_log(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL, c int NOT NULL); CREATE PUBLICATION cdc FOR TABLE t")
    source = postgresql_source(("t", ("b", "c")))
    assert _refusal(source, servers) == ("SRC-122", "legacy.t: the log names rows by a")
    postgresql("ALTER TABLE t REPLICA IDENTITY FULL")
    contract = _only(source, servers)
    assert (contract.key, contract.key_origin) == (("b", "c"), "declared")


@pytest.mark.parametrize(
    ("ddl", "code", "detail"),
    [
        ("CREATE TABLE t (a int)", "SRC-121", "legacy.t (replica identity default)"),
        ("CREATE TABLE t (a int, b interval, c jsonb, PRIMARY KEY (a, b, c))", "SRC-128", "legacy.t: b, c"),
        (
            "CREATE TABLE t (a numeric[], b int, PRIMARY KEY (a, b)); ALTER TABLE t REPLICA IDENTITY FULL",
            "SRC-128",
            "legacy.t: a",
        ),
        ("CREATE TABLE t (a int); ALTER TABLE t REPLICA IDENTITY FULL", "SRC-121", "legacy.t (replica identity full)"),
        (
            "CREATE TABLE t (a int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY NOTHING",
            "SRC-121",
            "legacy.t (replica identity nothing)",
        ),
        (
            "CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL UNIQUE);"
            "ALTER TABLE t REPLICA IDENTITY USING INDEX t_b_key",
            "SRC-121",
            "legacy.t: replica identity is b, not the primary key",
        ),
        (
            "CREATE TABLE t (a int PRIMARY KEY, g timetz)",
            "SRC-202",
            "legacy.t.g is time with time zone: the offset is lost",
        ),
        (
            "CREATE TABLE t (a int PRIMARY KEY, g int[][])",
            "SRC-202",
            "legacy.t.g is integer[]: arrays of several dimensions arrive empty",
        ),
        ("CREATE TABLE t (a int PRIMARY KEY, g regclass)", "SRC-201", "legacy.t.g is regclass"),
        (
            "CREATE DOMAIN d AS int; CREATE TABLE t (a int PRIMARY KEY, g d[])",
            "SRC-202",
            "legacy.t.g is quirks.d[]: arrays of it do not arrive whole",
        ),
        ("CREATE TABLE t (a int PRIMARY KEY, _source_ts int)", "SRC-204", "legacy.t: column '_source_ts'"),
        (
            "CREATE TABLE t (a int PRIMARY KEY, g int) PARTITION BY RANGE (a)",
            "SRC-123",
            "cdc publishes the partitions of quirks.t, not the table",
        ),
    ],
)
def test_what_cannot_be_mirrored_is_refused(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str], ddl: str, code: str, detail: str
) -> None:
    postgresql(f"{ddl}; CREATE PUBLICATION cdc FOR TABLE t")
    assert _refusal(postgresql_source("t"), servers) == (code, detail)


def test_a_table_that_is_not_there_or_is_a_view_is_refused(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("CREATE VIEW seen AS SELECT 1 AS id; CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION cdc")
    code, detail = _refusal(postgresql_source("T", "seen"), servers)
    assert (code, detail.splitlines()[1:]) == (
        "SRC-120",
        ["  SRC-120 quirks.T", "  SRC-120 quirks.seen is not a table"],
    )


@pytest.mark.parametrize(
    ("publication", "detail"),
    [
        ("", "cdc is not there"),
        ("CREATE PUBLICATION cdc", "cdc lacks quirks.t"),
        (
            "CREATE PUBLICATION cdc FOR TABLE t WITH (publish = 'insert, update, delete')",
            "cdc does not publish insert, update, delete and truncate",
        ),
        (
            "CREATE PUBLICATION cdc FOR TABLE t (a)",
            "cdc publishes quirks.t without some of its rows or columns",
        ),
        (
            "CREATE PUBLICATION cdc FOR TABLE t WHERE (a > 0)",
            "cdc publishes quirks.t without some of its rows or columns",
        ),
    ],
)
def test_a_publication_that_leaves_something_out_is_refused(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str], publication: str, detail: str
) -> None:
    postgresql(f"CREATE TABLE t (a int PRIMARY KEY, b int); {publication}")
    assert _refusal(postgresql_source("t"), servers) == ("SRC-123", detail)


def test_a_table_that_left_the_publication_and_came_back_is_told_from_one_that_stayed(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql(
        "CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int PRIMARY KEY); CREATE PUBLICATION cdc FOR TABLE t"
    )
    entries = []
    for change in ("SET TABLE t", "SET TABLE t, u", "DROP TABLE t", "ADD TABLE t"):
        postgresql(f"ALTER PUBLICATION cdc {change}")
        if change != "DROP TABLE t":
            contract = _only(postgresql_source("t"), servers)
            entries.append(contract.published)
            assert "published" not in to_yaml(contract)
    first, stayed, again = entries
    assert first == stayed != again
    assert None not in entries


@pytest.mark.parametrize("tables", ["ALL TABLES", "TABLES IN SCHEMA quirks"])
def test_a_publication_without_entries_tells_a_table_from_another_one_under_its_name(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str], tables: str
) -> None:
    postgresql(f"CREATE TABLE t (a int PRIMARY KEY); CREATE PUBLICATION cdc FOR {tables}; INSERT INTO t VALUES (1)")
    contract = first = _only(postgresql_source("t"), servers)
    assert first.published is None
    assert "relation" not in to_yaml(first)
    for change in (
        "TRUNCATE t",
        "VACUUM FULL t",
        "ALTER TABLE t ADD b int DEFAULT random()",  # written anew
        "ALTER TABLE t ALTER b TYPE bigint",
        "ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME TO t",
        "ALTER TABLE t SET UNLOGGED; ALTER TABLE t SET LOGGED",
        "ALTER TABLE t REPLICA IDENTITY FULL",
    ):
        for statement in change.split(";"):
            postgresql(statement)
        assert not is_published_anew(first, _only(postgresql_source("t"), servers))
    for change in (
        "DROP TABLE t; CREATE TABLE t (a int PRIMARY KEY)",
        "CREATE TABLE u (a int PRIMARY KEY); ALTER TABLE t RENAME TO old; ALTER TABLE u RENAME TO t",
    ):
        postgresql(change)
        before, contract = contract, _only(postgresql_source("t"), servers)
        assert is_published_anew(before, contract)
    assert is_published_anew(first, contract)


@pytest.mark.parametrize("swap", ["", "ALTER PUBLICATION cdc SET TABLE old, t"])
def test_two_tables_of_a_publication_that_change_names_are_both_another_one(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str], swap: str
) -> None:
    postgresql("CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int PRIMARY KEY)")
    postgresql("CREATE PUBLICATION cdc FOR TABLE t, u")
    before = _only(postgresql_source("t"), servers)
    postgresql(f"ALTER TABLE t RENAME TO old; ALTER TABLE u RENAME TO t; {swap}")
    assert is_published_anew(before, _only(postgresql_source("t"), servers))


def test_a_table_that_others_inherit_from_is_refused_and_the_others_are_not(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    """PostgreSQL reads the heirs' rows with the parent, and writes their changes under their own names."""
    postgresql("""CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE b (PRIMARY KEY (id)) INHERITS (t);
                  CREATE TABLE a (PRIMARY KEY (id)) INHERITS (t); CREATE PUBLICATION cdc FOR TABLE t""")
    assert _refusal(postgresql_source("t"), servers) == ("SRC-129", "quirks.t: quirks.a, quirks.b")
    assert [contract.key for contract in read_contracts(postgresql_source("a", "b"), servers)] == [("id",)] * 2
    postgresql("ALTER TABLE a NO INHERIT t; DROP TABLE b")
    assert _only(postgresql_source("t"), servers).mirror == "legacy.t"


def test_a_partitioned_table_is_read_through_its_root(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("""CREATE TABLE t (a int PRIMARY KEY) PARTITION BY RANGE (a);
                  CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9);
                  CREATE PUBLICATION cdc FOR TABLE t WITH (publish_via_partition_root = true)""")
    assert _only(postgresql_source("t"), servers).key == ("a",)


def test_the_statement_that_makes_a_publication_names_a_partitioned_table_itself(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("""CREATE TABLE t (a int PRIMARY KEY) PARTITION BY RANGE (a); CREATE TABLE u (a int PRIMARY KEY);
                  CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9)""")
    source = postgresql_source("t", "u")
    with pytest.raises(FatalError) as refused:
        read_contracts(source, servers)
    (fault,) = faults_of(refused.value)
    assert isinstance(fault, Fault)
    postgresql(fault.statement)
    assert len(read_contracts(source, servers)) == 2


def test_a_column_that_is_left_out_does_not_cost_its_table(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("CREATE TABLE t (id int PRIMARY KEY, u timetz, n int, s int GENERATED ALWAYS AS (n) STORED)")
    postgresql("CREATE PUBLICATION cdc FOR TABLE t")
    contract = _only(postgresql_source(("t", (), ("u",))), servers)
    assert [column.name for column in contract.columns] == ["id", "n"]
    assert (contract.omitted, contract.without) == (("s",), ("u",))
    assert _refusal(postgresql_source(("t", (), ("u", "z"))), servers) == ("SRC-127", "legacy.t has no column z")


def test_a_generated_column_beside_an_enumerated_type_is_not_left_out(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("""CREATE TYPE mood AS ENUM ('sad');
                  CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id) STORED);
                  CREATE TABLE u (LIKE t INCLUDING ALL, m mood); CREATE PUBLICATION cdc FOR TABLE t, u""")
    assert _only(postgresql_source(("t", (), ("g",))), servers).without == ("g",)
    detail = "legacy.u: g is generated, which is needed beside the enumerated type of m"
    assert _refusal(postgresql_source(("u", (), ("g",))), servers) == ("SRC-127", detail)


def test_a_column_of_tokens_is_a_text(postgresql: Run, postgresql_source: Describe, servers: dict[str, str]) -> None:
    postgresql("CREATE TABLE t (id int PRIMARY KEY, name varchar(20))")
    postgresql("CREATE PUBLICATION cdc FOR TABLE t")
    contract = _only(postgresql_source(("t", (), (), False, (("name", "person"),))), servers)
    made = contract.column("name")
    assert (made.type, made.mirror_type, made.decoder) == ("character varying(20)", "text", "token:person")
    assert from_document(to_document(contract), "t.yaml") == contract


def test_a_domain_over_an_enum_anywhere_is_refused(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("""CREATE TABLE t (a int PRIMARY KEY); CREATE PUBLICATION cdc FOR TABLE t;
                  CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN feeling AS mood""")
    assert _refusal(postgresql_source("t"), servers) == ("SRC-124", "legacy: domain quirks.feeling")


def test_a_reader_without_select_is_told_which_table(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    postgresql("CREATE TABLE t (a int PRIMARY KEY); CREATE PUBLICATION cdc FOR TABLE t")
    postgresql("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'only-reads'")
    variables = {**servers, "PASSWORD": "only-reads"}
    source = postgresql_source("t", user="reader", password="${env:PASSWORD}")
    assert _refusal(source, variables) == ("SRC-111", "SELECT on quirks.t")
    postgresql("GRANT USAGE ON SCHEMA quirks TO reader; GRANT SELECT ON t TO reader")
    assert _only(source, variables).key == ("a",)


def test_a_wrong_password_is_told_from_an_absent_server(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str]
) -> None:
    variables = {**servers, "WRONG": "no-such-word"}
    with pytest.raises(FatalError, match="SRC-111") as refused:
        read_contracts(postgresql_source("t", password="${env:WRONG}"), variables)
    assert "no-such-word" not in refused.value.advice()
    with pytest.raises(TransientError, match=r"SRC-113 .*SRC-111, "):
        follow_contracts(postgresql_source("t", password="${env:WRONG}"), variables)
    with pytest.raises(TransientError, match=r"(?s)SRC-113 .*NOBODY is not set"):
        follow_contracts(postgresql_source("t", password="${env:NOBODY}"), variables)
    with pytest.raises(FatalError, match="SRC-111"):
        read_contracts(postgresql_source("t", database="nowhere"), servers)
    with pytest.raises(TransientError, match="SRC-110"):
        read_contracts(postgresql_source("t", port="1"), servers)


def _only(source: Source, variables: dict[str, str]) -> Contract:
    (contract,) = read_contracts(source, variables)
    return contract


def _refusal(source: Source, variables: dict[str, str]) -> tuple[str, str]:
    with pytest.raises(CdcError) as refused:
        read_contracts(source, variables)
    return refused.value.code, refused.value.detail


def test_about_how_many_rows_a_table_has_is_known_once_it_was_analysed(
    servers: dict[str, str], postgresql: Run, postgresql_source: Describe
) -> None:
    postgresql("CREATE TABLE many (id int PRIMARY KEY); CREATE TABLE fresh (id int PRIMARY KEY)")
    postgresql("ALTER TABLE fresh SET (autovacuum_enabled = off); INSERT INTO many SELECT generate_series(1, 3000)")
    postgresql("INSERT INTO fresh SELECT generate_series(1, 3000); ANALYZE many")
    assert estimate_rows(postgresql_source("many", "fresh", "absent"), servers) == {"legacy.many": 3000}
