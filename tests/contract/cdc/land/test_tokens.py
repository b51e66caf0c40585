"""Columns for whose values tokens stand: the mirror never has the values, and tells rows apart as they do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import psycopg
import pytest

from cdc.capture.cascade import Cascade
from cdc.capture.contract import Contract
from cdc.capture.policy import as_tokens, require_policy
from cdc.config import Land
from cdc.errors import FatalError
from cdc.evidence.history import read_history
from cdc.evidence.mirrors import MirrorAudit
from cdc.land.contract.in_force import put_in_force
from cdc.land.position import take_over
from cdc.land.stream import StreamSource
from cdc.protect.seal import Opener
from cdc.reference import Secret
from tests.contract.cdc.land.stage import DirectLanding, Stage
from tests.contract.cdc.land.tables import CONTRACTS, ITEM, PAIR, item, pair
from tests.unit.cdc.stream.wire import PostgresWire
from transforms.value.token import token_of

KEYS = {"person": Secret("k" * 32), "person.v2": Secret("l" * 32)}
POLICY = {"src.item": {"name": "person", "note": "person.v2"}}
UNCHANGED = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
MADE = (as_tokens(ITEM, POLICY), PAIR)


def land(
    stage: Stage,
    wire: PostgresWire,
    policy: Mapping[str, Mapping[str, str]],
    keys: Mapping[str, Secret],
    contracts: tuple[Contract, ...] = MADE,
) -> None:
    position = take_over(stage.connection, "cdc.src", "src")
    catalogue = lambda: contracts  # noqa: E731
    named = StreamSource("src", "cdc.src", "postgresql", catalogue, stage.captured, policy=policy, tokens=keys)
    landing = DirectLanding(named, stage.session, position, Land())
    landing.feed(record for record in wire.records if record.offset >= position.next_offset)
    landing.flush()
    while landing.has_pending:
        landing.land_next()


def test_tokens_land_in_place_of_values(new_stage: Callable[..., Stage], target_dsn: str) -> None:
    stage, wire = new_stage(contracts=MADE), PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1, "canary-a", "canary-long"))
    wire.insert("item", "id", item(2, None, "canary-long"))
    wire.end()
    wire.begin()
    wire.update("item", "id", {**item(1, "canary-b"), "note": UNCHANGED})
    wire.delete("item", "id", item(2))
    wire.end()
    land(stage, wire, POLICY, KEYS)
    long = token_of(b"l" * 32, "canary-long", "v2")
    assert stage.query("SELECT id, name, note FROM src.item") == [(1, token_of(b"k" * 32, "canary-b"), long)]
    assert stage.query("SELECT id, name, note FROM src_deleted.item") == [(2, None, long)]
    assert "canary" not in str(stage.mirrors())
    changes = list(read_history(stage.session.opener(), MADE[0], "postgresql", ("1",), KEYS))
    stage.connection.rollback()
    assert [cell.after for cell in changes[0].cells if cell.column == "name"] == [token_of(b"k" * 32, "canary-a")]
    with psycopg.connect(target_dsn, autocommit=True) as apart:
        audit = MirrorAudit(Opener(apart, None), "cdc.src", MADE, "postgresql", KEYS)
        assert list(audit.audit(lambda *_: None)) == []


KEYED = {"src.pair": {"code": "person"}}
"""Of the key: nothing tells rows of the mirror apart but the token."""


def test_a_key_is_a_token_wherever_it_is_noted(new_stage: Callable[..., Stage], target_dsn: str) -> None:
    made = (ITEM, as_tokens(PAIR, KEYED))
    stage, wire = new_stage(contracts=made), PostgresWire()
    for step in (
        lambda: [wire.insert("pair", "code,number", pair(f"canary-{name}", 1)) for name in "abc"],
        lambda: wire.update("pair", "code,number", pair("canary-a", 1, "3.00"), before=pair("canary-a", 1)),
        lambda: wire.update("pair", "code,number", pair("canary-d", 1), before=pair("canary-b", 1)),
        lambda: wire.delete("pair", "code,number", pair("canary-c", 1)),
        lambda: wire.insert("pair", "code,number", pair("canary-refused", 1, "12.345")),
    ):
        wire.begin()
        step()
        wire.end()
        land(stage, wire, KEYED, KEYS, made)
    token = {name: token_of(b"k" * 32, f"canary-{name}") for name in ("a", "b", "c", "d", "refused")}
    rows = stage.query("SELECT code, qty::text FROM src.pair ORDER BY qty DESC")
    assert rows == [(token["a"], "3.00"), (token["d"], "2.00")]
    assert stage.query("SELECT key, code FROM cdc.stale") == [([token["refused"], "1"], "VAL-101")]
    assert stage.query("SELECT key FROM cdc.refused") == [([token["refused"], "1"],)]
    noted = {key for (key,) in stage.query("SELECT DISTINCT key[1] FROM cdc.journal_key")}
    assert noted == {*token.values()}
    tables = stage.query("SELECT tablename FROM pg_tables WHERE schemaname = 'cdc'")
    kept = {table: str(stage.query(f"SELECT to_jsonb(x)::text FROM cdc.{table} x")) for (table,) in tables}
    assert [table for table, text in kept.items() if "canary" in text] == []

    changes = list(read_history(stage.session.opener(), made[1], "postgresql", (token["a"], "1"), KEYS))
    stage.connection.rollback()
    assert len(changes) == 2
    with psycopg.connect(target_dsn, autocommit=True) as apart:
        audit = MirrorAudit(Opener(apart, None), "cdc.src", made, "postgresql", KEYS)
        assert list(audit.audit(lambda *_: None)) == []

    # Two keys of the source that have one token would be one row of the mirror.
    wire.begin()
    wire.insert("pair", "code,number", pair("e\u0301", 2))
    wire.end()
    with pytest.raises(FatalError, match="LND-103"):
        land(stage, wire, KEYED, KEYS, made)


def test_no_tokens_stand_where_rows_go_with_those_of_another_table() -> None:
    key = Cascade("by_code", ("name",), PAIR.source_table, ("code",), on_delete="cascade")
    child = dataclasses.replace(ITEM, cascades=(key,))
    with pytest.raises(FatalError, match=r"SRC-130.*rows go with those of another table by name"):
        as_tokens(child, {"src.item": {"name": "person"}})
    with pytest.raises(FatalError, match=r"SRC-130.*rows of src\.item go with those of it by code"):
        require_policy((child, as_tokens(PAIR, KEYED)), KEYED)


def test_nothing_lands_without_the_key_or_by_a_contract_of_before(new_stage: Callable[..., Stage]) -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1, "canary-a"))
    wire.end()
    stage = new_stage(contracts=MADE)
    with pytest.raises(FatalError, match=r"CFG-101.*tokens\.person\.v2 is missing"):
        land(stage, wire, POLICY, {"person": KEYS["person"]})
    stage = new_stage(contracts=CONTRACTS)
    with pytest.raises(FatalError, match=r"TGT-118.*src\.item: name, note"):
        land(stage, wire, POLICY, KEYS)
    assert stage.query("SELECT count(*) FROM src.item") == [(0,)]


@pytest.mark.parametrize(("before", "after"), [(CONTRACTS, MADE), (MADE, CONTRACTS)], ids=["to tokens", "to values"])
def test_a_mirror_does_not_come_to_hold_both(
    new_stage: Callable[..., Stage], before: tuple[Contract, ...], after: tuple[Contract, ...]
) -> None:
    stage = new_stage(contracts=before)
    with pytest.raises(FatalError, match=r"TGT-118.*src\.item\.name"), stage.connection.transaction():
        put_in_force(stage.connection, "src", after)


@pytest.mark.parametrize(
    ("column", "told"), [("id", "id is no text"), ("qty", "qty is no text"), ("x", "there is no column x")]
)
def test_what_tokens_cannot_stand_for(column: str, told: str) -> None:
    with pytest.raises(FatalError, match=f"SRC-130.*{told}"):
        as_tokens(ITEM, {"src.item": {column: "person"}})


def test_a_default_would_be_a_value_in_clear() -> None:
    named = dataclasses.replace(ITEM.column("name"), default="canary")
    contract = dataclasses.replace(ITEM, columns=(ITEM.column("id"), named))
    (made,) = as_tokens(contract, {"src.item": {"name": "person"}}).columns[1:]
    assert (made.mirror_type, made.default, made.computed_default) == ("text", None, True)
    with pytest.raises(FatalError, match="TGT-118"):
        require_policy([contract], {"src.item": {"name": "person"}})
