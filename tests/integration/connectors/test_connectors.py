from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import httpx
import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from cdc import access
from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.connector import render, table_names
from cdc.capture.watchdog import Watch
from cdc.stream.topic import TopicEnds, describe_topic, newest, oldest
from compose.local.stack import Stack
from tests.integration.connectors.deployment import FILES, SOURCES, Sources, kind_of

# Read by the connectors (their classes have them, and tests here and of the envelopes show their effect), but not
# listed by Connect's validation.
_NOT_LISTED = {
    "books": {
        "internal.schema.history.internal.ddl.filter",
        "binary.handling.mode",
        "event.converting.failure.handling.mode",
        "read.only",
        "schema.history.internal.kafka.bootstrap.servers",
        "schema.history.internal.kafka.topic",
        "signal.kafka.bootstrap.servers",
        "signal.kafka.groupId",
        "signal.kafka.topic",
    },
    "plant": {
        "offset.mismatch.strategy",
        "read.only",
        "signal.kafka.bootstrap.servers",
        "signal.kafka.groupId",
        "signal.kafka.topic",
    },
}


@pytest.mark.parametrize("name", SOURCES)
def test_connectors_know_every_setting(sources: Sources, name: str) -> None:
    config = render(sources.source(name), Kafka(sources.env["CDC_KAFKA"]), {})
    plugin = config["connector.class"].rpartition(".")[2]
    url = f"{sources.env['CDC_CONNECT_URL']}/connector-plugins/{plugin}/config/validate"
    answer = httpx.put(url, json=config, timeout=60, trust_env=False).json()
    known = {entry["definition"]["name"] for entry in answer["configs"]}
    # The last is handed on to the database's driver.
    converters = ("key.converter.", "value.converter.", "header.converter.")
    prefixes = (*converters, "producer.override.", "transforms.stream.", "driver.")
    unknown = {key for key in config if key not in known and not key.startswith(prefixes)}
    assert answer["error_count"] == 0
    assert unknown == _NOT_LISTED[name]


def test_a_second_apply_changes_nothing_and_says_so(sources: Sources) -> None:
    first = sources.cdc("connectors", "apply").splitlines()
    assert first == [
        "books: topic cdc.books created",
        "books: topic cdc-signal.books created",
        "books: topic cdc-history.books created",
        "books: connector created",
        "books: snapshot begun",
        "plant: topic cdc.plant created",
        "plant: topic cdc-signal.plant created",
        "plant: connector created",
        "plant: snapshot begun",
    ]
    assert sources.cdc("connectors", "apply").splitlines() == ["books: nothing to do", "plant: nothing to do"]
    wanted = [
        {
            "source": name,
            "wanted": "running",
            "connector": "running",
            "task": "running",
            "settings": "as applied",
            "failure": "",
            "code": None,
            "unread": [],
            "waits": False,
            # Nobody lands here, and the target has no tables.
            **dict.fromkeys(("landed_s", "lag", "behind_s", "refused", "stale", "held", "snapshot", "reading")),
            "reader": None,
            "tables": [
                {"table": table, "mirror": f"{name}.{table.rpartition('.')[2]}"}
                | {"wanted": "streaming", "state": "streaming"}
                | dict.fromkeys(("rows", "estimated_rows", "committed_at", "changed_at"))
                | dict.fromkeys(("behind_s", "refused", "stale", "held"))
                for table in table_names(sources.source(name))
            ],
        }
        for name in SOURCES
    ]
    deadline = time.monotonic() + 60
    while True:
        found = sources.status()
        told = [(one.pop("place"), one.pop("heard_s"), one.pop("log")) for one in found]
        ends = {(one.pop("needs_attention"), (one.pop("next") or "").partition(":")[0]) for one in found}
        assert ends <= {(False, ""), (True, "Nothing of it has ever landed")}  # the latter after a minute
        # The first snapshot reads all tables, and says so of each, also of the empty one.
        if found == wanted and all(
            place != "none" and heard < 30 and log["bytes"] is not None for place, heard, log in told
        ):
            break
        assert time.monotonic() < deadline, json.dumps([found, told])
        time.sleep(0.5)


@pytest.mark.parametrize("name", SOURCES)
def test_the_stream_tells_snapshot_and_transactions_in_order(sources: Sources, name: str) -> None:
    sources.cdc("connectors", "apply", name)
    sources.await_records(name, lambda records: [kind_of(record) for record in records].count("r") == 2)
    run = sources.books if name == "books" else sources.plant.execute
    for statement in ("BEGIN", "INSERT INTO child VALUES (11, 1, NULL)", "UPDATE parent SET id = 2", "COMMIT"):
        run(statement)
    run("TRUNCATE child")
    records = sources.await_records(name, lambda records: "t" in [kind_of(record) for record in records])
    rows = [
        (kind_of(record), record["source"]["table"]) for record in records if "op" in record and record["op"] != "m"
    ]
    assert rows == [
        # The order of the connector file, not of the alphabet.
        *(("r", "parent"), ("r", "child")),
        *(("c", "child"), ("d", "parent"), ("c", "parent")),
        ("t", "child"),
    ]
    unit = [kind_of(record) for record in records if kind_of(record) not in ("heartbeat", "m", "r", "ddl")]
    assert unit[unit.index("c") - 1 : unit.index("t")][:5] == ["BEGIN", "c", "d", "c", "END"]


@pytest.mark.parametrize("name", SOURCES)
def test_an_idle_source_is_heard_of(sources: Sources, name: str) -> None:
    sources.cdc("connectors", "apply", name)
    sources.await_records(name, lambda records: len([r for r in records if kind_of(r) == "heartbeat"]) >= 3, 20)
    kafka, stream = Kafka(sources.env["CDC_KAFKA"]), f"cdc.{name}"
    first, last = (ask(kafka, [stream, "cdc.none"]) for ask in (oldest, newest))
    assert first.keys() == last.keys() == {stream}
    assert timedelta(seconds=1) < last[stream] - first[stream] < timedelta(minutes=5)


@pytest.mark.slow  # a minute; every day: unit/cdc/capture/test_standing.py
def test_a_source_that_nobody_lands_needs_a_person(sources: Sources) -> None:
    """It runs, and is heard of every second."""
    sources.cdc("connectors", "apply", "plant")
    deadline = time.monotonic() + 120
    while not (found := sources.status("plant")[0])["needs_attention"]:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    assert (found["connector"], found["code"], found["heard_s"] < 30) == ("running", None, True)
    assert "`cdc run`" in found["next"]


def test_a_connector_is_brought_to_each_state(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "plant")
    for state, task in (("paused", "paused"), ("stopped", "none"), ("running", "running")):
        sources.write("plant", FILES["plant"] + f"state: {state}\n")
        assert sources.cdc("connectors", "apply", "plant").splitlines() == [f"plant: {state}"]
        assert sources.cdc("connectors", "apply", "plant").splitlines() == ["plant: nothing to do"]
        found = json.loads(sources.cdc("connectors", "status", "--json", exit_code=4))  # books is absent
        assert (found[1]["connector"], found[1]["task"]) == (state, task)


def test_a_connector_may_be_created_stopped(sources: Sources) -> None:
    sources.write("plant", FILES["plant"] + "state: stopped\n")
    assert "plant: connector created" in sources.cdc("connectors", "apply", "plant")
    slots = sources.plant.execute("SELECT count(*) FROM pg_replication_slots WHERE database = 'plant'").fetchone()
    assert slots == (0,)


def test_changed_settings_are_seen_and_applied(sources: Sources) -> None:
    sources.cdc("connectors", "apply")
    sources.write("plant", FILES["plant"] + "settings: {max.batch.size: 4096}\n")
    assert [finding["settings"] for finding in sources.status()] == ["as applied", "differ"]
    assert sources.cdc("connectors", "apply").splitlines() == [
        "books: nothing to do",
        "plant: settings changed: max.batch.size",
    ]
    assert [finding["settings"] for finding in sources.status()] == ["as applied", "as applied"]


@pytest.mark.parametrize("name", SOURCES)
def test_a_wrong_password_is_refused_before_anything_runs(sources: Sources, name: str) -> None:
    text = (
        FILES[name]
        .replace("CDC_ERP_DBA_PASSWORD", "CDC_MES_PASSWORD")
        .replace("CDC_MES_DBA_PASSWORD", "CDC_ERP_PASSWORD")
    )
    sources.write(name, text)
    told = sources.cdc("connectors", "apply", name, exit_code=1)
    assert "CON-102" in told
    assert not any(value in told for key, value in sources.env.items() if key.endswith("_PASSWORD"))
    with Connect(access.Connect(sources.env["CDC_CONNECT_URL"])) as connect:
        assert connect.config(name) is None


def test_no_connector_is_made_that_would_miss_a_table(sources: Sources) -> None:
    sources.plant.execute("DROP PUBLICATION cdc")
    assert "SRC-123" in sources.cdc("connectors", "apply", "plant", exit_code=1)
    assert sources.status("plant")[0]["connector"] == "absent"
    sources.plant.execute("CREATE PUBLICATION cdc FOR TABLE parent, child")
    assert "plant: snapshot begun" in sources.cdc("connectors", "apply", "plant").splitlines()


def test_a_task_that_fails_is_told_and_started_again_once_its_cause_is_gone(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "plant")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("r") == 2)
    sources.plant.execute("ALTER PUBLICATION cdc RENAME TO hidden")
    told = sources.cdc("connectors", "restart", "plant", exit_code=1)
    assert "CON-103" in told
    assert "Publication autocreation is disabled" in told
    assert sources.status("plant")[0]["task"] == "failed"
    sources.plant.execute("ALTER PUBLICATION hidden RENAME TO cdc")
    assert sources.cdc("connectors", "apply", "plant").splitlines() == ["plant: failed task restarted"]


def test_a_topic_with_two_partitions_is_refused(sources: Sources, admin: KafkaAdminClient) -> None:
    admin.create_topics({"cdc.plant": {"num_partitions": 2}}, wait_for_metadata=True)
    told = sources.cdc("connectors", "apply", "plant", exit_code=1)
    assert "STR-108" in told
    assert "cdc.plant has 2" in told


def test_a_compacted_topic_is_refused(sources: Sources, admin: KafkaAdminClient) -> None:
    options = {"num_partitions": 1, "configs": {"cleanup.policy": "compact"}}
    admin.create_topics({"cdc.plant": options}, wait_for_metadata=True)
    assert "STR-108" in sources.cdc("connectors", "apply", "plant", exit_code=1)


def test_a_topic_that_would_lose_records_is_set_right(sources: Sources, admin: KafkaAdminClient) -> None:
    sources.cdc("connectors", "apply", "plant")
    before = describe_topic(Kafka(sources.env["CDC_KAFKA"]), "cdc.plant")
    resource = ConfigResource(ConfigResourceType.TOPIC, "cdc.plant", configs={"retention.ms": "86400000"})
    admin.alter_configs([resource])
    told = sources.cdc("connectors", "apply", "plant").splitlines()
    assert told == ["plant: topic cdc.plant: retention.ms set to -1"]
    assert describe_topic(Kafka(sources.env["CDC_KAFKA"]), "cdc.plant") == before
    assert before is not None
    assert before.partitions == 1


def test_rendering_tells_references_and_no_secret(sources: Sources) -> None:
    config = json.loads(sources.cdc("connectors", "render", "books"))
    assert config["database.password"] == "${env:CDC_ERP_DBA_PASSWORD}"
    assert sources.env["CDC_ERP_DBA_PASSWORD"] not in json.dumps(config).replace("${env:CDC_ERP_DBA_PASSWORD}", "")


def test_contracts_are_written_and_drift_is_found(sources: Sources) -> None:
    shutil.rmtree(sources.folder / "connector-configs" / "contracts")
    assert "LND-102" in sources.cdc("connectors", "apply", "plant", exit_code=1)
    assert "+mirror: plant.parent" in sources.cdc("source", "contract", "plant")
    assert "2 contracts of plant are as the source has them" in sources.cdc("source", "contract", "plant", "--check")
    sources.plant.execute("ALTER TABLE parent ADD COLUMN place varchar(9) DEFAULT 'A'")
    told = sources.cdc("source", "contract", "plant", "--check", exit_code=3)
    assert "+- name: place" in told
    assert sources.cdc("source", "contract", "plant", "--check", exit_code=3) == told
    sources.cdc("source", "contract", "plant")
    sources.cdc("source", "contract", "plant", "--check")


def test_a_contract_of_a_table_that_is_not_captured_any_more_goes(sources: Sources) -> None:
    sources.cdc("source", "contract", "plant")
    sources.write("plant", FILES["plant"].replace(", public.child", ""))
    assert "-mirror: plant.child" in sources.cdc("source", "contract", "plant")
    files = (sources.folder / "connector-configs" / "contracts" / "plant").glob("*.yaml")
    assert [file.name for file in files] == ["parent.yaml"]


def test_the_watch_starts_a_connector_again_that_lost_its_server(sources: Sources, stack: Stack) -> None:
    sources.cdc("connectors", "apply", "books")
    sources.await_records("books", lambda records: "heartbeat" in [kind_of(record) for record in records])
    stack.stop(["erp"])
    stack.start(["erp"])
    sources.mariadb.connect()
    sources.books("INSERT INTO books.parent VALUES (7, 'after')")
    kafka, cluster = Kafka(sources.env["CDC_KAFKA"]), access.Connect(sources.env["CDC_CONNECT_URL"])
    with Connect(cluster) as connect, closing(TopicEnds(kafka)) as ends:
        watch = Watch(sources.source("books"), connect, kafka, ends, silence_s=3.0)
        deadline = time.monotonic() + 60
        while (code := watch.look()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.5)
    assert code == "CON-106"
    records = sources.await_records("books", lambda records: "c" in [kind_of(record) for record in records])
    assert [record["after"]["id"] for record in records if kind_of(record) == "c"] == [7]


@pytest.fixture
def admin(sources: Sources) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=sources.env["CDC_KAFKA"])
    yield client
    client.close()
