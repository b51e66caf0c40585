"""Examples of folds hold in SQL, too: of the same contributions the derive worker makes the same row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import psycopg
import psycopg.rows
import pytest
from psycopg import sql

from cdc.capture.contract import read_contracts
from cdc.derive.bind import bind
from cdc.derive.ddl import mirrors_of
from cdc.derive.fold import folding
from cdc.derive.plan import Merge
from cdc.derive.session import create_tables
from cdc.derive.table import tables_of
from cdc.derive.waived import Waived, Waiver, decided
from compose.local.env import REPO
from transforms.errors import Refused
from transforms.fold import fold_said
from transforms.load import load
from transforms.mapping import CONFLICTS, WARNINGS, Rule, Said

CONTRACTS = REPO / "connector-configs/contracts"
MIRRORS = mirrors_of([*read_contracts(CONTRACTS / "erp"), *read_contracts(CONTRACTS / "mes")])
DICTIONARY = load()
FIELDS = DICTIONARY.fields
PLANS = [bind(domain, "digest", MIRRORS) for domain in DICTIONARY.domains() if domain.folds]
CASES = [(plan, merge, example.said) for plan in PLANS for merge in plan.merges for example in merge.fold.examples]
ALIKE = (Rule("first"), Rule("last"), Rule("max"), Rule("owner", "mes"))
"""Rules that each column has in turn, beside its own."""


@pytest.fixture(scope="module")
def connection(module_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_dsn, options="-c TimeZone=UTC") as connection:
        for plan in PLANS:
            for schema in {table.schema for table in tables_of(plan)}:
                connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
            for table in tables_of(plan):
                connection.execute(table.creation().encode())
        connection.commit()
        yield connection


def test_there_are_examples_of_every_fold():
    assert {str(merge.fold) for _, merge, _ in CASES} == set(map(str, DICTIONARY.folds))


@pytest.mark.parametrize(("plan", "merge", "said"), CASES)
def test_the_worker_folds_contributions_as_examples_are_folded(connection, plan, merge: Merge, said: tuple[Said, ...]):
    own = merge.fold
    folds = [own, *(replace(own, rules=dict.fromkeys(own.rules, rule)) for rule in ALIKE)]
    for fold in folds:
        with connection.transaction(force_rollback=True):
            connection.execute(create_tables(plan).encode())
            assert by_sql(connection, replace(merge, fold=fold), said) == in_python(fold, said), fold.rules


@pytest.mark.parametrize(("plan", "merge", "said"), CASES)
def test_what_is_decided_of_a_row_goes_before_what_is_said(connection, plan, merge: Merge, said: tuple[Said, ...]):
    columns = [one for one in merge.fold.target.columns if one.name in merge.fold.rules]
    given = {one.name: None if one is columns[-1] else FIELDS[one.field].example for one in columns}
    waiver = Waiver(7, "", "", tuple(Waived(name, "REQ-101", value) for name, value in given.items()))
    key = "{" + ",".join("K" for _ in merge.fill.key) + "}"
    with connection.transaction(force_rollback=True):
        connection.execute(create_tables(plan).encode())
        found = by_sql(connection, merge, said, decided(merge, {key: waiver}))
    expected = in_python(merge.fold, said, merge.fold.decide(given))
    told = [f"{merge.fold} REQ-101 {name} waiver 7" for name in given]
    assert found == expected | {WARNINGS: [*(expected[WARNINGS] or ()), *told]}
    assert [found[name] is None for name in given] == [value is None for value in given.values()]


def in_python(fold, said: tuple[Said, ...], values: Mapping[str, object] | None = None) -> dict[str, Any]:
    try:
        folded = fold_said(fold, said, values or {})
    except Refused as refused:
        return {"refused": (refused.code, refused.field)}
    conflicts = {(one.column, one.mapping, one.source_key, repr(one.value)) for one in folded.conflicts}
    return {**folded.values, "conflicts": conflicts, "marked": folded.marked}


def by_sql(
    connection: psycopg.Connection[Any], merge: Merge, said: tuple[Said, ...], given: str = ""
) -> dict[str, Any]:
    types = {column.name: column.type for column in merge.fold.target.columns}
    for offset, one in enumerate(said):
        row = {
            **dict.fromkeys(merge.fill.key, "K"),
            **one.values,
            "_mapping": one.mapping,
            "_source": one.source,
            "_source_key": list(one.source_key),
            "_source_offset": offset,
            "_deleted": one.deleted,
        }
        connection.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.SQL(merge.stored),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join([sql.Placeholder()] * len(row)),
            ),
            list(row.values()),
        )
    connection.execute(f"INSERT INTO {merge.take} VALUES (%s)".encode(), [["K"] * len(merge.fill.key)])
    connection.execute(folding(merge, waived=bool(given)), (given,) if given else None)
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        (row,) = cursor.execute(f"SELECT * FROM {merge.fill.stage}".encode()).fetchall()
    if row["_code"]:
        return {"refused": (row["_code"], row["_field"])}

    def typed(column: str, text: str) -> object:
        return connection.execute(f"SELECT %s::{types[column]}".encode(), [text]).fetchone()[0]

    conflicts = {
        (one["column"], one["mapping"], tuple(one["source_key"]), repr(typed(one["column"], one["value"])))
        for one in row[CONFLICTS] or ()
    }
    values = {name: row[name] for name in (*merge.fold.rules, WARNINGS)}
    return {**values, "conflicts": conflicts, "marked": row["_deleted"]}
