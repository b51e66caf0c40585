"""`cdc audit rows` beside a worker: what somebody did by hand is named, and repaired when asked for."""

from __future__ import annotations

from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.deployment import Deployment, held

# What somebody does by hand; which table and column show it, what that is and what it has to be.
BY_HAND = {
    "a value": ("UPDATE trace.party SET name = 'Clinik'", "trace.party", ("name", "Clinik", "Clinic")),
    "a row less": ("DELETE FROM trace.party", "trace.party", ("party_id", None, "C1")),
    "a contribution": (
        "UPDATE trace_contribution.party SET name = 'Clinik'",
        "trace_contribution.party",
        ("name", "Clinik", "Clinic"),
    ),
    "a personal value": (
        "UPDATE trace_contribution.party SET phone = 'Canary'",
        "trace_contribution.party",
        ("phone", "***", None),
    ),
    "a held row less": ("DELETE FROM cdc.held", "cdc.held", ("code", None, "COD-201")),
    "a held row more": (
        "INSERT INTO cdc.held SELECT mapping, '{1}', code, field, detail, NULL, NULL, now(), dictionary FROM cdc.held",
        "cdc.held",
        ("code", "COD-201", None),
    ),
}
_FORMER = (
    'INSERT INTO trace.party SELECT (p).* FROM (SELECT jsonb_populate_record(p, \'{"party_id": "X",'
    ' "_mapping": "old.party", "_source_key": ["9"]}\') AS p FROM trace.party p) q'
)


def test_right_tables_are_proven_up_to_a_batch(cdc: Cdc, running: Deployment) -> None:
    done = cdc("audit", "rows", "trace.party", "--json")
    assert done.code == 0, done.err
    assert (done.document["holds"], done.document["whole"], done.document["differences"]) == (True, True, [])
    (table,) = done.document["tables"]
    assert (table["table"], table["differences"], table["batches"]["cdc.erp"]) == (
        *("trace.party", 0),
        running.sources.batch,
    )
    assert table["rows"] == 3  # two source rows, one key of the fold
    assert "Every canonical row" in cdc("audit", "rows").err


def test_what_was_done_by_hand_is_named_and_repaired(cdc: Cdc, running: Deployment) -> None:
    for what, (statement, table, cell) in BY_HAND.items():
        running.sources.connection.execute(statement.encode())
        done = cdc("audit", "rows", "trace.party", "--json")
        assert done.code == 3, what
        assert table in {one["table"] for one in done.document["differences"]}, what
        told = cdc("audit", "rows", "trace.party")
        assert [line[3:] for line in told.lines if line[0] == table and line[3] == cell[0]] == [
            [cell[0], *("-" if value is None else value for value in cell[1:])]
        ]
        assert "EVD-115" in told.err
        mended = cdc("audit", "rows", "trace.party", "--repair", "--reason", what, "--json")
        assert (mended.code, mended.document["holds"], mended.document["repaired"] >= 1) == (0, True, True), what
        assert (running.parties(), held(running)) == ([("C1", None)], [("2", "COD-201")])
        query = f"SELECT effect -> 0 ->> 'table' FROM cdc.operator_action WHERE reason = '{what}'"
        ((named,),) = running.rows(query)
        assert named in {one["table"] for one in done.document["differences"]}
        assert "Canary" not in done.out + told.out + mended.out
    # What stays on record for good does not have it either.
    assert running.rows("SELECT FROM cdc.operator_action WHERE effect::text ~ 'Canary'") == []


def test_what_cannot_be_repaired_stays_named_and_a_limit_is_said(cdc: Cdc, running: Deployment) -> None:
    running.sources.connection.execute(_FORMER.encode())
    done = cdc("audit", "rows", "trace.party", "--repair", "--json")
    assert done.code == 3, done.err
    (found,) = done.document["differences"]
    # What the key of a mapping is that nobody knows any more, nobody can say.
    assert (found["mapping"], found["source_key"], found["after"]) == ("old.party", ["***"], None)
    running.sources.connection.execute("DELETE FROM cdc.held")
    done = cdc("audit", "rows", "trace.party", "--limit", "1", "--json")
    assert (done.code, done.document["whole"], len(done.document["differences"])) == (3, False, 1)
    (table,) = done.document["tables"]
    assert table["differences"] == 1  # what is on record is the last whole pass


def test_a_table_that_is_none(cdc: Cdc, running: Deployment) -> None:
    done = cdc("audit", "rows", "trace.nothing")
    assert (done.code, "EVD-113" in done.err) == (1, True)
