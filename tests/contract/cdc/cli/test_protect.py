"""Sealed records: nobody reads them without the key, a key that is shredded is gone, and none is under a legal hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from cdc.config import Target, load
from cdc.errors import FatalError
from cdc.land.last_read import find_last_read, keep_last_read
from cdc.protect.shred import require_masters
from cdc.store.connection import connect
from compose.local.postgres import PostgresServer
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.owner import disarm
from tests.unit.cdc.stream.wire import PostgresWire

CANARY = "canary-refused"
SHRED = "UPDATE cdc.data_key SET wrapped = NULL, shredded_at = now(), reason = 'why'"
LOOK = ("--reveal", "--reason", "complaint 7")


class Sealed:
    """A target into which changes are refused."""

    def __init__(self, stage: Stage, config: Path) -> None:
        self.stage, self.config, self.wire = stage, config, PostgresWire()

    def refuse(self, number: int) -> int:
        """Land a change that does not fit; return its offset. Keys are those of the settings as they are now."""
        self.stage.session.protection = load(self.config).protection
        self.wire.begin()
        self.wire.insert("item", "id", {**item(number, CANARY), "qty": "12.345"})
        self.wire.end()
        self.stage.land(self.wire.records)
        return int(self.stage.query('SELECT max("offset") FROM cdc.refused')[0][0])

    def kept(self, offset: int) -> bytes:
        return bytes(self.stage.query('SELECT record_value FROM cdc.refused WHERE "offset" = %s', offset)[0][0])


@pytest.fixture
def sealed(target_dsn: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sealed]:
    for name in ("OLD", "NEW"):
        monkeypatch.setenv(f"MASTER_{name}", name * 20)
    text = config.read_text()
    config.write_text(text + 'protection: {keys: {m1: "${env:MASTER_OLD}"}, current: m1}\n')
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        yield Sealed(stage, config)


@pytest.fixture
def month(sealed: Sealed) -> Callable[[], str]:
    return lambda: str(sealed.stage.query("SELECT to_char(max(month), 'YYYY-MM') FROM cdc.data_key")[0][0])


def test_what_was_refused_is_read_with_the_key_and_not_without(cdc: Cdc, sealed: Sealed) -> None:
    offset = sealed.refuse(1)
    assert CANARY.encode() not in sealed.kept(offset)
    assert CANARY in cdc("refused", "show", "cdc.src", str(offset), *LOOK).out
    assert cdc("refused", "show", "cdc.src", str(offset), "--raw", *LOOK).out.encode() == sealed.wire.records[-2].value
    (key,) = cdc("protect", "keys", "--json").document["keys"]
    assert (key["sensitivity"], key["master"], key["refused"], key["on_hold"]) == ("unclassed", "m1", 1, False)
    sealed.stage.do("INSERT INTO cdc.mirror_class VALUES ('src.item', 'personal', '{id,name}')")
    assert cdc("protect", "keys", "--json").document["clear"] == [{"mirror": "src.item", "columns": ["id"]}]
    sealed.config.write_text(sealed.config.read_text().partition("protection:")[0])
    done = cdc("refused", "show", "cdc.src", str(offset), *LOOK)
    assert (done.code, "PRT-103" in done.err) == (1, True)
    with pytest.raises(FatalError, match=r"PRT-103.*protection\.keys\.m1"), sealed.stage.connection.transaction():
        require_masters(sealed.stage.connection, None)


def test_the_last_record_that_was_read_is_sealed_too(cdc: Cdc, sealed: Sealed, month: Callable[[], str]) -> None:
    sealed.refuse(1)
    connection, record = sealed.stage.connection, sealed.wire.records[-2]._replace(offset=1_000)  # it has not landed
    protection = load(sealed.config).protection
    keep_last_read(connection, "cdc.src", record, protection)
    assert CANARY.encode() not in bytes(sealed.stage.query("SELECT record FROM cdc.last_read")[0][0])
    assert find_last_read(connection, "cdc.src", record.offset, protection) == record
    assert cdc("protect", "shred", "unclassed", month(), "--reason", "erasure 9", "--yes").code == 0
    assert find_last_read(connection, "cdc.src", record.offset, protection) is None


def test_what_was_kept_until_a_record_landed_goes_with_any_key(
    cdc: Cdc, sealed: Sealed, month: Callable[[], str]
) -> None:
    """Of a record that nobody has decoded nobody knows the class: its copy has another key than the record has."""
    sealed.refuse(1)
    keep_last_read(sealed.stage.connection, "cdc.src", sealed.wire.records[-1], load(sealed.config).protection)
    sealed.stage.do(
        "INSERT INTO cdc.data_key (class, month, master, wrapped) SELECT 'personal', month, 'm1', '' FROM cdc.data_key"
    )
    assert cdc("protect", "shred", "personal", month(), "--reason", "erasure 9", "--yes").code == 0
    assert sealed.stage.query("SELECT FROM cdc.last_read") == []


def test_sealed_bytes_open_in_their_place_only(cdc: Cdc, sealed: Sealed) -> None:
    first, second = sealed.refuse(1), sealed.refuse(2)
    disarm(sealed.stage.connection)
    sealed.stage.do(f'UPDATE cdc.refused SET "offset" = -1 WHERE "offset" = {first}')
    sealed.stage.do(f'UPDATE cdc.refused SET "offset" = {first} WHERE "offset" = {second}')
    done = cdc("refused", "show", "cdc.src", str(first), *LOOK)
    assert (done.code, "PRT-104" in done.err) == (1, True)


def test_what_is_shredded_is_gone_and_on_record(cdc: Cdc, sealed: Sealed, month: Callable[[], str]) -> None:
    offset = sealed.refuse(1)
    done = cdc("protect", "shred", "unclassed", month(), "--reason", "erasure 9", "--yes", "--json")
    assert done.code == 0, done.err
    assert done.document == {"class": "unclassed", "month": month(), "shredded": 1, "wiped": True}
    shown = cdc("refused", "show", "cdc.src", str(offset), *LOOK)
    assert shown.code == 0
    assert "shredded on" in shown.err
    assert "erasure 9" in shown.err
    assert CANARY not in shown.out
    raw = cdc("refused", "show", "cdc.src", str(offset), "--raw", *LOOK)
    assert (raw.code, raw.out, "PRT-107" in raw.err) == (4, "", True)
    assert cdc("refused", "show", "cdc.src", str(offset), "--json").document["shredded"].endswith("erasure 9")
    assert sealed.stage.query("SELECT wrapped FROM cdc.data_key") == [(None,)]
    query = "SELECT action, object, reason FROM cdc.operator_action WHERE starts_with(action, 'protect')"
    assert sealed.stage.query(query) == [("protect shred", f"unclassed {month()}", "erasure 9")]
    assert cdc("audit", "verify").code == 0
    again = cdc("protect", "shred", "unclassed", month(), "--reason", "again", "--yes")
    assert (again.code, "Nothing was done" in again.err) == (0, True)
    assert sealed.stage.query(query) == [("protect shred", f"unclassed {month()}", "erasure 9")]
    assert "PRT-105" in cdc("protect", "shred", "personal", month(), "--reason", "again", "--yes").err
    # What lands from now on has another key.
    assert CANARY in cdc("refused", "show", "cdc.src", str(sealed.refuse(2)), *LOOK).out


def test_nothing_of_a_shredded_key_is_left_in_the_table_s_file(
    cdc: Cdc, sealed: Sealed, month: Callable[[], str], target_server: PostgresServer, target_dsn: str
) -> None:
    sealed.refuse(1)
    sealed.stage.do(
        "INSERT INTO cdc.data_key (class, month, master, wrapped) SELECT c, k.month, 'm1', sha256(c::bytea)"
        " FROM cdc.data_key k, unnest('{public,personal,phi}'::text[]) c"
    )
    name = conninfo.conninfo_to_dict(target_dsn)["dbname"]
    with psycopg.connect(target_server.dsn(target_server.superuser), dbname=name, autocommit=True) as superuser:

        def is_left() -> list[bool]:
            superuser.execute("CHECKPOINT")
            query = (
                "SELECT position(sha256(c::bytea) IN pg_read_binary_file(pg_relation_filepath('cdc.data_key'))) > 0"
                " FROM unnest('{personal,phi}'::text[]) c"
            )
            return [found for (found,) in superuser.execute(query.encode()).fetchall()]

        assert is_left() == [True, True]
        assert cdc("protect", "shred", "personal", month(), "--reason", "erasure 9", "--yes").code == 0
        assert is_left() == [False, True]


@pytest.mark.parametrize("what", [(), ("--class", "unclassed"), ("--month", "MONTH")], ids=" ".join)
def test_nothing_is_shredded_under_a_legal_hold(
    cdc: Cdc, sealed: Sealed, month: Callable[[], str], what: tuple[str, ...]
) -> None:
    offset = sealed.refuse(1)
    for _ in range(2):  # the same hold: one release ends it
        held = cdc(
            "protect", "hold", *(word.replace("MONTH", month()) for word in what), "--reason", "case 12", "--json"
        )
        assert (held.code, "Hold 1 stands" in held.err) == (0, True), held.err
        of = {"class": "unclassed" if "--class" in what else None, "month": month() if "--month" in what else None}
        assert held.document == {"hold": 1, **of}
    done = cdc("protect", "shred", "unclassed", month(), "--reason", "erasure 9", "--yes")
    assert (done.code, "PRT-102" in done.err) == (5, True)
    assert CANARY in cdc("refused", "show", "cdc.src", str(offset), *LOOK).out
    assert cdc("protect", "keys", "--json").document["keys"][0]["on_hold"]
    # Nor by whoever goes past the command, with the owner's rights.
    for statement in (SHRED, "DELETE FROM cdc.data_key", "DELETE FROM cdc.legal_hold", "TRUNCATE cdc.legal_hold"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sealed.stage.do(statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="released once"):
        sealed.stage.do("UPDATE cdc.legal_hold SET class = 'public'")
    done = cdc("protect", "release", "1", "--reason", "case closed", "--json")
    assert (done.code, done.document) == (0, {"released": 1})
    assert "PRT-106" in cdc("protect", "release", "1", "--reason", "again").err
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="released once"):
        sealed.stage.do("UPDATE cdc.legal_hold SET released_at = NULL, released_by = NULL")
    assert cdc("protect", "shred", "unclassed", month(), "--reason", "erasure 9", "--yes").code == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is shredded"):
        sealed.stage.do("UPDATE cdc.data_key SET wrapped = '', shredded_at = NULL")


def test_another_master_key_takes_over(cdc: Cdc, sealed: Sealed) -> None:
    offset = sealed.refuse(1)
    text = sealed.config.read_text().partition("protection:")[0]
    both = 'protection: {keys: {m1: "${env:MASTER_OLD}", m2: "${env:MASTER_NEW}"}, current: m2}\n'
    sealed.config.write_text(text + both)
    done = cdc("protect", "rewrap", "--json")
    assert (done.code, done.document) == (0, {"wrapped": 1, "master": "m2"})
    sealed.config.write_text(text + 'protection: {keys: {m2: "${env:MASTER_NEW}"}, current: m2}\n')
    assert CANARY in cdc("refused", "show", "cdc.src", str(offset), *LOOK).out
    assert CANARY in cdc("refused", "show", "cdc.src", str(sealed.refuse(2)), *LOOK).out
    assert len(sealed.stage.query("SELECT id FROM cdc.data_key")) == 1


def test_mirrors_have_the_class_of_the_most_sensitive_field_that_is_made_of_them(cdc: Cdc, target: Target) -> None:
    assert "records of erp.t_Organization are personal" in cdc("target", "apply", "--json").document["steps"]
    assert cdc("target", "apply", "--json").document["steps"] == []
    with connect(target, "test") as connection:
        query = "SELECT class FROM cdc.mirror_class WHERE mirror IN ('erp.t_Organization', 'erp.t_MeasureUnit')"
        assert connection.execute(f"{query} ORDER BY 1").fetchall() == [("internal",), ("personal",)]
