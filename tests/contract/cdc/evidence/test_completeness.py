"""How complete a source is said to be: each field of the statement is what there is, and each is reason enough."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from cdc.evidence.completeness import Completeness, read_completeness
from cdc.store.migrate import migrate
from transforms.load import load
from transforms.model import Dictionary

ENDS = {"cdc.erp": 51, "cdc.mes": 51}
LANDED = """
INSERT INTO cdc.position (stream, source, generations, next_offset, batch, source_ts)
VALUES ('cdc.erp', 'erp', 1, 50, 9, now()), ('cdc.mes', 'mes', 1, 50, 9, now());
INSERT INTO cdc.domain (name) SELECT unnest(%(domains)s::text[]);
INSERT INTO cdc.watermark (domain, stream, batch)
    SELECT d, s, 9 FROM unnest(%(domains)s::text[]) d, unnest('{cdc.erp, cdc.mes}'::text[]) s;
"""
HELD = "INSERT INTO cdc.held (mapping, source_key, code, detail, dictionary) VALUES ('%s', '{1}', 'REF-301', '', '')"


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return load(None)


@pytest.fixture
def landed(module_dsn: str, dictionary: Dictionary) -> Iterator[psycopg.Connection]:
    """Two sources of which all has landed and is derived."""
    with psycopg.connect(module_dsn, cursor_factory=psycopg.ClientCursor) as connection:
        migrate(connection)
        connection.execute(LANDED.encode(), {"domains": [domain.name for domain in dictionary.domains()]})
        yield connection
        connection.rollback()


def told(connection: psycopg.Connection, dictionary: Dictionary, ends: dict[str, int]) -> dict[str, Completeness]:
    return {one.source: one for one in read_completeness(connection, ends, {}, dictionary)}


def test_what_has_landed_and_is_derived_is_complete(landed: psycopg.Connection, dictionary: Dictionary) -> None:
    found = told(landed, dictionary, ENDS)
    assert {name: one.is_complete for name, one in found.items()} == {"erp": True, "mes": True}


@pytest.mark.parametrize(
    ("change", "ends", "sources", "field", "value"),
    [
        ("", {**ENDS, "cdc.erp": 58}, {"erp"}, "lag", 7),
        ("", {"cdc.mes": 51}, {"erp"}, "lag", None),
        ("UPDATE cdc.watermark SET batch = 7 WHERE stream = 'cdc.erp'", ENDS, {"erp"}, "underived", 2),
        ("DELETE FROM cdc.watermark", ENDS, {"erp", "mes"}, "underived", 9),
        ("UPDATE cdc.position SET generations = 0 WHERE source = 'erp'", ENDS, {"erp"}, "in_snapshot", True),
        ("UPDATE cdc.position SET snapshot_position = '7' WHERE source = 'mes'", ENDS, {"mes"}, "in_snapshot", True),
        ("INSERT INTO cdc.stale VALUES ('erp.some', '{1}', 'VAL-101', 'cdc.erp', 7)", ENDS, {"erp"}, "stale", 1),
        (HELD % "erp.SEOrderEntry", ENDS, {"erp"}, "held", {"REF-301": 1}),
        (HELD % "trace.party", ENDS, {"erp"}, "held", {"REF-301": 1}),
        (HELD % "trace.material_lot", ENDS, {"erp", "mes"}, "held", {"REF-301": 1}),
        (
            """INSERT INTO cdc.gap (stream, batch, "offset", code, detail) VALUES ('cdc.mes', 3, 30, 'STR-102', '')""",
            *(ENDS, {"mes"}, "gaps", 1),
        ),
    ],
)
def test_what_is_missing_is_told_of_its_source(
    landed: psycopg.Connection,
    dictionary: Dictionary,
    change: str,
    ends: dict[str, int],
    sources: set[str],
    field: str,
    value: object,
) -> None:
    if change:
        landed.execute(change.encode())
    found = told(landed, dictionary, ends)
    assert {name for name, one in found.items() if not one.is_complete} == sources
    for source in sources:
        said = getattr(found[source], field)
        assert (len(said) if field == "gaps" else said) == value
