"""Dictionaries and sources of others: names, keys, widths and values that the packaged ones do not have."""

from __future__ import annotations

import random
import re
import string

import pytest

from cdc.derive import turn
from cdc.derive.lookup import select_rows
from tests.contract.derive_target import copying, small_world
from transforms.mapping import Lookup, Match, MirrorRef, Reference

ODD_ITEM, ODD_ORDER = MirrorRef("erp", '物料 "Stamm"'), MirrorRef("erp", "Order%s;.Kopf")
ODD_DDL = {
    ODD_ITEM: '"编 号" int PRIMARY KEY, "Größe%" text, "select" varchar(20)',
    ODD_ORDER: """"FInterID" int PRIMARY KEY, "fInterID" int, "数""量'%s" numeric(9,2)""",
}


def test_names_of_any_kind_and_tables_in_several_schemas(target, target_dsn: str) -> None:
    lookup = Lookup("物", ODD_ITEM, (Match("编 号", "", "fInterID"),), "REF-301")
    mappings = [
        copying(
            "Material's 100%",
            ODD_ITEM,
            "base.user",
            {"order": ("", "select", "text"), "end": ("", "Größe%", "text")},
            ("order",),
        ),
        copying(
            "orders",
            ODD_ORDER,
            "sales.order",
            {
                "table": ("", "FInterID", "integer"),
                "user": ("物", "select", "text"),
                "all": ("", "数\"量'%s", "numeric(9,2)"),
            },
            ("table",),
            (lookup,),
            (Reference(("user",), "base", "user", ("order",), True),),
        ),
    ]
    with small_world(target_dsn, ODD_DDL, mappings) as world:
        assert world.plan() == []
        world.insert(ODD_ITEM, {"编 号": 1, "Größe%": "大", "select": "A"})
        world.insert(ODD_ORDER, {"FInterID": 7, "fInterID": 1, "数\"量'%s": 2}, {"FInterID": 8, "fInterID": 2})
        world.derive()
        query = 'SELECT "table", "user", "all"::text FROM sales."order"'
        assert world.rows(query) == [(7, "A", "2.00")]
        world.insert(ODD_ITEM, {"编 号": 1, "Größe%": "大", "select": "B"}, {"编 号": 2, "select": "C"})
        world.derive()
        assert sorted(world.rows(query)) == [(7, "B", "2.00"), (8, "C", None)]
        assert world.rows('SELECT "order" FROM base."user" ORDER BY 1') == [("B",), ("C",)]
        assert world.held() == []


LINE, HEAD = MirrorRef("erp", "line"), MirrorRef("erp", "head")
COMPOSITE = {
    HEAD: "site varchar(4), made date, number int, state text, PRIMARY KEY (site, made, number)",
    LINE: "site varchar(4), made date, number int, place smallint, amount int, PRIMARY KEY (number, made, site, place)",
}


def test_composite_keys_look_ups_and_references(target, target_dsn: str) -> None:
    matches = tuple(Match(name, "", name) for name in ("number", "site", "made"))
    names = {"made": "date", "number": "integer", "site": "text"}
    key = {name: ("", name, kind) for name, kind in names.items()}
    mappings = [
        copying("heads", HEAD, "out.head", {**key, "state": ("", "state", "text")}, tuple(names)),
        copying(
            "lines",
            LINE,
            "out.line",
            {**key, "place": ("", "place", "integer"), "state": ("head", "state", "text")},
            (*names, "place"),
            (Lookup("head", HEAD, matches, None),),
            (Reference(tuple(names), "out", "head", tuple(names), True),),
        ),
    ]
    with small_world(target_dsn, COMPOSITE, mappings) as world:
        one = {"site": "X", "made": "2024-02-29", "number": 1}
        other = {**one, "site": "x"}
        world.insert(LINE, *({**row, "place": place} for row in (one, other) for place in (1, 2)))
        world.insert(HEAD, {**one, "state": "new"})
        world.derive()
        query = "SELECT site, place, state FROM out.line ORDER BY 1, 2"
        assert world.rows(query) == [("X", 1, "new"), ("X", 2, "new")]
        world.insert(HEAD, {**one, "state": "done"}, {**other, "state": "new"})
        world.derive()
        assert world.rows(query) == [("X", 1, "done"), ("X", 2, "done"), ("x", 1, "new"), ("x", 2, "new")]
        assert world.held() == []


NOTE, PAGE = MirrorRef("mes", "note"), MirrorRef("mes", "page")
TEXTS = {NOTE: "id int PRIMARY KEY, title text, other varchar(3000)", PAGE: "id int PRIMARY KEY, title text, kind text"}


def long_text(seed: int) -> str:
    """Return 10 kB that do not compress."""
    pick = random.Random(seed)
    return "".join(pick.choices(string.ascii_letters + string.digits, k=10_000))


def test_look_ups_by_texts_too_long_for_an_index(target, target_dsn: str) -> None:
    by_title = Lookup("page", PAGE, (Match("title", "", "title"),), "REF-301")
    by_other = Lookup("twin", PAGE, (Match("kind", "", "other"),), None)
    values = {"id": ("", "id", "integer"), "page": ("page", "id", "integer"), "twin": ("twin", "id", "integer")}
    mappings = [copying("notes", NOTE, "out.note", values, ("id",), (by_title, by_other))]
    with small_world(target_dsn, TEXTS, mappings) as world:
        one, two, kind = long_text(1), long_text(2), long_text(3)[:3000]
        world.insert(PAGE, {"id": 1, "title": one, "kind": kind}, {"id": 2, "title": one[:-1], "kind": "k"})
        world.insert(NOTE, {"id": 1, "title": one, "other": kind}, {"id": 2, "title": two, "other": "k"})
        world.derive()
        assert world.rows("SELECT id, page, twin FROM out.note") == [(1, 1, 1)]
        assert world.rows("SELECT source_key, code, waits_for, waits_key FROM cdc.held") == [
            (["2"], "REF-301", "mes.page", None)
        ]
        world.insert(PAGE, {"id": 2, "title": two, "kind": "k"}, {"id": 1, "title": "short", "kind": kind})
        world.derive()
        assert world.rows("SELECT id, page, twin FROM out.note") == [(2, 2, 2)]
        assert world.held() == [("notes", ["1"], "REF-301")]


def test_a_look_up_by_a_long_text_does_not_read_the_whole_mirror(target, target_dsn: str) -> None:
    lookup = Lookup("page", PAGE, (Match("title", "", "title"), Match("kind", "", "other")), None)
    values = {"id": ("", "id", "integer"), "page": ("page", "id", "integer")}
    with small_world(target_dsn, TEXTS, [copying("notes", NOTE, "out.note", values, ("id",), (lookup,))]) as world:
        connection, plan, _ = world.session(world.domains[0])
        statement = select_rows(plan.steps[0], False).decode()
        explained = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {statement}".encode()).fetchall())
        assert re.search(r"Index Scan using derive_\w+ on page", explained)
        assert "Seq Scan on page" not in explained


def test_keys_and_references_too_long_for_an_index_hold_their_rows_alone(target, target_dsn: str) -> None:
    mappings = [
        copying("pages", PAGE, "out.page", {"title": ("", "title", "text")}, ("title",)),
        copying(
            "notes",
            NOTE,
            "out.note",
            {"id": ("", "id", "integer"), "page": ("", "title", "text")},
            ("id",),
            (),
            (Reference(("page",), "out", "page", ("title",), True),),
        ),
    ]
    with small_world(target_dsn, TEXTS, mappings) as world:
        world.insert(PAGE, {"id": 1, "title": "A"}, {"id": 2, "title": long_text(1)}, {"id": 3, "title": "x" * 10_000})
        world.insert(NOTE, {"id": 1, "title": "A"}, {"id": 2, "title": long_text(1)}, {"id": 3, "title": "m" * 1900})
        world.derive()
        assert world.rows("SELECT title FROM out.page") == [("A",)]
        assert world.rows("SELECT id FROM out.note") == [(1,)]
        assert world.held() == [
            ("notes", ["2"], "DRV-201"),
            ("notes", ["3"], "REF-301"),
            ("pages", ["2"], "DRV-201"),
            ("pages", ["3"], "DRV-201"),
        ]


def test_a_table_of_several_hundred_columns(target, target_dsn: str) -> None:
    wide = MirrorRef("mes", "wide")
    names = [f"column_number_{number:03}" for number in range(400)]
    ddl = {wide: "id int PRIMARY KEY, " + ", ".join(f"{name} varchar(20)" for name in names)}
    values = {"id": ("", "id", "integer"), **{name: ("", name, "text") for name in names}}
    with small_world(target_dsn, ddl, [copying("wide", wide, "out.wide", values, ("id",))]) as world:
        rows = [{"id": number, **{name: f"{number}{name}" for name in names}} for number in (1, 2)]
        world.insert(wide, *rows)
        world.derive()
        world.insert(wide, {**rows[0], names[-1]: "changed"})
        world.derive()
        assert world.rows(f"SELECT {names[-1]} FROM out.wide ORDER BY id") == [("changed",), (f"2{names[-1]}",)]


def test_two_domains_with_a_table_of_one_name_are_derived_side_by_side(
    target, target_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is derived as a whole while the first is in its transaction."""
    one, two = MirrorRef("erp", "item"), MirrorRef("mes", "item")
    ddl = {one: "id int PRIMARY KEY", two: "id int PRIMARY KEY"}
    mappings = [
        copying(f"{ref.schema}_items", ref, f"{ref.schema}_out.item", {"id": ("", "id", "integer")}, ("id",))
        for ref in (one, two)
    ]
    with small_world(target_dsn, ddl, mappings) as world:
        assert len({domain.name for domain in world.domains}) == 2
        world.land.execute(
            "INSERT INTO cdc.held (mapping, source_key, code, detail, dictionary) VALUES ('gone', '{1}', 'X', '', '')"
        )
        world.insert(one, {"id": 1})
        world.insert(two, {"id": 2}, {"id": 3})
        write, beside = turn.write_rows, []

        def write_after_the_other(work) -> None:
            if not beside:
                beside.append(work.plan.name)
                world.derive(without=work.plan.name)
            write(work)

        monkeypatch.setattr(turn, "write_rows", write_after_the_other)
        world.derive()
        assert world.rows("SELECT id FROM erp_out.item") == [(1,)]
        assert world.rows("SELECT id FROM mes_out.item ORDER BY 1") == [(2,), (3,)]
        assert world.rows("SELECT derivation FROM cdc.domain") == [(1,), (1,)]
        assert world.held() == []


def test_statements_of_a_domain_of_many_mappings_are_planned_once(target, target_dsn: str) -> None:
    refs = [MirrorRef("erp", f"level{number:02}") for number in range(12)]
    mappings = [
        copying(
            ref.table,
            ref,
            f"out.{ref.table}",
            {"id": ("", "id", "integer"), "parent": ("", "parent", "integer")},
            ("id",),
            (),
            (Reference(("parent",), "out", parent.table, ("id",), True),),
        )
        for ref, parent in zip(refs, [refs[0], *refs[:-1]], strict=True)
    ]
    ddl = dict.fromkeys(refs, "id int PRIMARY KEY, parent int")
    with small_world(target_dsn, ddl, mappings) as world:

        def prepared() -> set[tuple]:
            for ref in refs:
                world.insert(ref, {"id": 1, "parent": 1})
            world.derive()
            connection, *_ = world.session(world.domains[0])
            return {*connection.execute("SELECT name, prepare_time FROM pg_prepared_statements").fetchall()}

        prepared()
        before = prepared()
        assert len(before) > 100
        assert prepared() >= before
        assert world.held() == []
