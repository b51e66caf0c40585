"""`cdc dictionary activate` and `rollback` beside a worker: what consumers read, and what operators are told."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import psycopg
import pytest
from psycopg import conninfo

from cdc.cli.target import apply_target
from cdc.observe.activation import read_activation, read_in_force
from cdc.store.connection import connect
from compose.local.postgres import PostgresServer
from tests.beside import beside
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.deployment import Deployment, held
from tests.contract.cdc.test_derive_worker import Worker, wait_until


@pytest.fixture
def as_administrator(target_server: PostgresServer, target_dsn: str) -> Callable[[str], None]:
    """Execute something as the server's superuser, in this module's database."""
    name = str(conninfo.conninfo_to_dict(target_dsn)["dbname"])
    dsn = dataclasses.replace(target_server, database=name).dsn(target_server.superuser)

    def execute(text: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(text.encode())

    return execute


def test_a_synonym_is_put_in_force_under_a_running_worker_and_taken_back(cdc: Cdc, running: Deployment) -> None:
    running.know_country("英国", "US")
    done = cdc("dictionary", "activate", "--yes", "--json")
    assert done.code == 0, done.err
    (table,) = (one for one in done.document["difference"]["tables"] if one["table"] == "trace.party")
    assert (table["table"], table["added"], table["removed"], table["changed"]) == ("trace.party", 1, 0, 0)
    assert done.document["difference"]["held"] == [
        {"mapping": "erp.t_Organization", "code": "COD-201", "before": 1, "after": 0}
    ]
    assert running.parties() == [("C1", None), ("C2", "US")]
    assert held(running) == []
    running.land_of("英国", 3)  # the same worker goes on, by the other dictionary
    wait_until(lambda: running.parties() == [("C1", None), ("C2", "US"), ("C3", "US")])
    digests = "SELECT DISTINCT _dictionary FROM trace.party"
    assert running.rows(digests) == [(done.document["new"],)]
    back = cdc("dictionary", "rollback", "--yes", "--json")
    assert back.code == 0, back.err
    assert back.document["new"] == done.document["old"]
    assert running.parties() == [("C1", None)]
    assert running.rows(digests) == [(done.document["old"],)]
    assert held(running) == [("2", "COD-201"), ("3", "COD-201")]
    running.land_of("中国", 4)
    wait_until(lambda: running.parties() == [("C1", None), ("C4", "CN")])


def test_what_only_one_version_looks_up_keeps_no_worker_of_the_other_from_deriving(
    cdc: Cdc, running: Deployment
) -> None:
    lookup = "{table: erp.t_Supplier, match: namesake.FShortName = FShortName, columns: {FShortName: text}}"
    running.edit("mappings/erp.t_Organization.yaml", "\ntarget:\n", f"\nlookups:\n  namesake: {lookup}\ntarget:\n")
    running.edit(
        "mappings/erp.t_Organization.yaml", "expr: FShortName", 'expr: "COALESCE(namesake.FShortName, FShortName)"'
    )
    watch = "watching erp.t_Supplier.FShortName"
    assert cdc("dictionary", "activate", "--yes").code == 0
    assert cdc("dictionary", "rollback", "--yes").code == 0
    Worker(running.settings)  # one that has just started, as after a restart
    running.land_of("中国", 4)
    wait_until(lambda: running.parties() == [("C1", None), ("C4", "CN")])
    assert f"stop {watch}" not in planned(cdc)  # the version beside may be put in force again
    assert cdc("dictionary", "activate", "--yes").code == 0
    assert cdc("dictionary", "rollback", "--yes").code == 0
    assert cdc("dictionary", "discard").code == 0
    kept = "SELECT effect ->> 'phase' FROM cdc.operator_action WHERE action = 'dictionary discard'"
    assert running.rows(kept) == [("former",)]
    assert "There is no shadow." in cdc("dictionary", "discard").err  # nothing is done, and nothing on record
    assert len(running.rows(kept)) == 1
    assert f"stop {watch}" in planned(cdc)
    assert f"stop {watch}" in cdc("target", "apply").out
    assert not planned(cdc)


def planned(cdc: Cdc) -> list[str]:
    """Return the steps of the target's plan."""
    return [line["step"] for line in cdc("target", "plan", "--json").document["steps"]]


def derived_by(running: Deployment) -> str:
    """Return the version that the worker derives by."""
    return str(running.rows("SELECT dictionary FROM cdc.domain WHERE name = 'adverse_event'")[0][0])


def test_a_label_is_put_in_force_without_deriving_anything_anew(cdc: Cdc, running: Deployment) -> None:
    label = (
        "SELECT col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = 'trace.party'::regclass AND attname = 'country'"
    )
    before = running.rows("SELECT ctid, xmin FROM trace.party")
    ((first,),) = running.rows(label)
    assert first.startswith("Country")
    running.edit("fields.yaml", "en: Country", "en: Land")
    assert not [step for step in planned(cdc) if "label" in step]  # the version in force has the label that is there
    assert cdc("dictionary", "activate", "--yes").code == 0
    assert running.rows(label) == [(first.replace("Country", "Land"),)]
    assert running.rows("SELECT ctid, xmin FROM trace.party") == before
    assert planned(cdc) == []


def test_without_a_word_nothing_changes_and_the_shadow_is_kept(cdc: Cdc, running: Deployment) -> None:
    running.know_country("英国", "US")
    asked = cdc("dictionary", "activate")
    assert (asked.code, "--yes" in asked.err) == (4, True)
    assert "trace.party: 1 -> 2 rows (1 added, 0 removed, 0 changed)" in asked.out
    assert running.parties() == [("C1", None)]
    with connect(running.settings.target, "test") as connection:
        seen, in_force = read_activation(connection), read_in_force(connection)
    assert seen is not None
    assert in_force is not None
    assert (seen.phase, in_force.digest) == ("catch up", derived_by(running))
    running.land_of("英国", 3)
    assert cdc("dictionary", "activate", "--yes").code == 0
    assert running.parties() == [("C1", None), ("C2", "US"), ("C3", "US")]


def test_a_dry_run_builds_prints_and_drops(cdc: Cdc, running: Deployment) -> None:
    running.know_country("英国", "US")
    tried = cdc("dictionary", "activate", "--dry-run", "--json")
    assert (tried.code, tried.document["state"]) == (0, "dropped")
    assert running.rows("SELECT FROM pg_namespace WHERE nspname LIKE 'trace%shadow'") == []
    assert running.rows("SELECT FROM cdc_shadow.activation") == []
    assert cdc("dictionary", "activate", tried.document["new"][:12], "--yes").code == 0  # the target has kept it
    assert running.parties() == [("C1", None), ("C2", "US")]


def test_a_worker_goes_on_by_the_version_in_force_whatever_its_files_say(deployed: Deployment) -> None:
    first = Worker(deployed.settings)
    wait_until(lambda: deployed.parties() == [("C1", None)])
    assert first.end(deployed.sources) is None
    deployed.know_country("英国", "US")
    apply_target(deployed.settings)
    before = deployed.rows("SELECT dictionary FROM cdc.domain WHERE name = 'adverse_event'")
    Worker(deployed.settings)
    deployed.land_of("中国", 4)
    wait_until(lambda: deployed.parties() == [("C1", None), ("C4", "CN")])
    assert deployed.rows("SELECT dictionary FROM cdc.domain WHERE name = 'adverse_event'") == before
    assert held(deployed) == [("2", "COD-201")]


def test_rights_and_views_of_consumers_follow(
    cdc: Cdc, running: Deployment, as_administrator: Callable[[str], None]
) -> None:
    as_administrator("CREATE ROLE reader")
    try:
        land = running.sources.connection
        land.execute("GRANT USAGE ON SCHEMA trace TO reader; GRANT SELECT ON trace.party TO reader")
        land.execute("GRANT UPDATE (name) ON trace.party TO reader WITH GRANT OPTION")
        land.execute("CREATE VIEW public.countries WITH (security_barrier) AS SELECT DISTINCT country FROM trace.party")
        land.execute("GRANT SELECT ON public.countries TO reader")
        running.know_country("英国", "US")
        assert cdc("dictionary", "activate", "--yes").code == 0
        assert running.rows(
            "SELECT has_table_privilege('reader', 'trace.party', 'SELECT'),"
            " has_column_privilege('reader', 'trace.party', 'name', 'UPDATE WITH GRANT OPTION'),"
            " has_column_privilege('reader', 'trace.party', 'country', 'UPDATE')"
        ) == [(True, True, False)]
        assert running.rows("SELECT country FROM public.countries ORDER BY 1") == [("US",), (None,)]
        assert running.rows("SELECT reloptions FROM pg_class WHERE relname = 'countries'") == [
            (["security_barrier=true"],)
        ]
    finally:
        as_administrator("DROP OWNED BY reader; DROP ROLE reader")


def test_what_cannot_follow_is_named_before_anything_is_built(cdc: Cdc, running: Deployment) -> None:
    land = running.sources.connection
    land.execute("CREATE TABLE public.visit (party text REFERENCES trace.party (party_id))")
    land.execute("CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) FROM trace.party")
    running.know_country("英国", "US")
    refused = cdc("dictionary", "activate", "--yes")
    assert refused.code == 5
    for words in ("DRV-113", "foreign key visit_party_fkey of visit", "view public.counted"):
        assert words in refused.err
    assert running.rows("SELECT FROM cdc_shadow.activation") == []
    assert running.parties() == [("C1", None)]


def test_a_reader_is_waited_for_and_keeps_nobody_else_waiting(cdc: Cdc, running: Deployment, target_dsn: str) -> None:
    running.know_country("英国", "US")
    with psycopg.connect(target_dsn) as reader:
        assert reader.execute("SELECT count(*) FROM trace.party").fetchone() == (1,)
        refused = cdc("dictionary", "activate", "--yes", "--patience", "2")
        assert (refused.code, "DRV-114" in refused.err) == (6, True)
        assert running.parties() == [("C1", None)]  # another reader is served
        assert reader.execute("SELECT count(*) FROM trace.party").fetchone() == (1,)
    assert cdc("dictionary", "activate", "--yes").code == 0
    assert running.parties() == [("C1", None), ("C2", "US")]


def test_an_older_snapshot_of_another_role_is_waited_for(
    cdc: Cdc, running: Deployment, target_dsn: str, as_administrator: Callable[[str], None]
) -> None:
    """Of another role's session the service is shown neither what it does nor what kind of process it is."""
    as_administrator("CREATE ROLE analyst LOGIN PASSWORD 'analyst'")
    running.know_country("英国", "US")
    with psycopg.connect(target_dsn, user="analyst", password="analyst") as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        refused = cdc("dictionary", "activate", "--yes", "--patience", "2")
        assert refused.code == 6
        assert "DRV-115" in refused.err
        assert "analyst" in refused.err
    assert cdc("dictionary", "activate", "--yes").code == 0
    as_administrator("DROP ROLE analyst")


SLOW_VACUUM = (
    "autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,"
    " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
)

VACUUMS = (
    "SELECT FROM pg_locks WHERE relation = 'trace.party'::regclass AND mode = 'ShareUpdateExclusiveLock' AND granted"
)


def test_a_vacuum_of_the_server_gives_way(
    cdc: Cdc, deployed: Deployment, as_administrator: Callable[[str], None]
) -> None:
    """It would have its lock for a minute, and the swap waits for 400 ms."""
    deployed.rows(
        'INSERT INTO erp."t_Organization" ("FItemID", "FNumber", "FName", "FDeleted", _offset)'
        " SELECT n, 'P' || n, 'Clinic', 0, 1 FROM generate_series(1000, 21000) n RETURNING 1"
    )
    Worker(deployed.settings)
    wait_until(lambda: len(deployed.parties()) > 20_000)
    deployed.know_country("英国", "US")
    deployed.sources.connection.execute(f"ALTER TABLE trace.party SET ({SLOW_VACUUM})")
    as_administrator("ALTER SYSTEM SET autovacuum_naptime = 1")
    as_administrator("SELECT pg_reload_conf()")
    try:
        as_administrator("UPDATE trace.party SET party_id = party_id")
        wait_until(lambda: deployed.rows(VACUUMS) != [])
    finally:
        as_administrator("ALTER SYSTEM RESET autovacuum_naptime")
        as_administrator("SELECT pg_reload_conf()")
    done = cdc("dictionary", "activate", "--yes", "--patience", "15")
    assert done.code == 0, done.err
    assert ("C2", "US") in deployed.parties()


def test_two_activations_do_not_meet(cdc: Cdc, running: Deployment) -> None:
    running.know_country("英国", "US")
    lock = "SELECT pg_advisory_lock(hashtextextended('cdc activation', 0))"
    running.sources.connection.execute(lock)
    for command in (("activate", "--yes"), ("discard",)):
        refused = cdc("dictionary", *command)
        assert (refused.code, "DRV-112" in refused.err) == (5, True)
    running.sources.connection.execute(lock.replace("advisory_lock", "advisory_unlock"))
    assert cdc("dictionary", "activate", "--yes").code == 0
    assert cdc("dictionary", "discard").code == 0
    assert running.rows("SELECT FROM pg_namespace WHERE nspname LIKE 'trace%shadow'") == []
    assert cdc("dictionary", "rollback", "--yes").code == 0  # what was dropped is built again
    assert running.parties() == [("C1", None)]


def test_nobody_reads_two_versions_at_once(cdc: Cdc, running: Deployment, target_dsn: str) -> None:
    """One table after the other in one transaction, over and over, while versions change places."""
    seen: set[tuple] = set()

    def read(enough: threading.Event) -> None:
        with psycopg.connect(target_dsn) as reader:
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            while not enough.wait(0.01):
                with reader.transaction():
                    first = reader.execute("SELECT DISTINCT _dictionary FROM trace.party").fetchall()
                    count = reader.execute("SELECT count(*) FROM trace.party").fetchone()
                    seen.add((tuple(first), count))

    with beside(read):
        running.know_country("英国", "US")
        assert cdc("dictionary", "activate", "--yes").code == 0
        assert cdc("dictionary", "rollback", "--yes").code == 0
    assert {len(first) for first, _ in seen} == {1}
    assert {count for _, count in seen} == {(1,), (2,)}
    assert len({first for first, _ in seen}) == len(seen) == 2  # each version with its rows
