"""Plans against the real Kafka Connect: what they say, that an apply does that, and refuses what nobody agreed on."""

from __future__ import annotations

import json
from typing import Any

from cdc import access
from cdc.capture.connect import Connect
from tests.integration.connectors.deployment import FILES, Sources, kind_of


def plan_of(sources: Sources, *arguments: str, exit_code: int = 3) -> dict[str, Any]:
    return json.loads(sources.cdc("connectors", "plan", "--json", *arguments, exit_code=exit_code))


def give(sources: Sources, name: str, **settings: str) -> None:
    """Give a connector settings by hand, as somebody does who knows only Kafka Connect."""
    with Connect(access.Connect(sources.env["CDC_CONNECT_URL"])) as connect:
        config = connect.config(name)
        assert config is not None
        connect.configure(name, config | {key.replace("_", "."): value for key, value in settings.items()})


def test_a_plan_is_what_apply_does(sources: Sources) -> None:
    file = str(sources.folder / "plan.json")
    first = plan_of(sources, "--out", file)
    assert [one["source"] for one in first["plans"]] == ["books", "plant"]
    assert [step["what"] for step in first["plans"][1]["steps"]] == [
        "create topic cdc.plant",
        "create topic cdc-signal.plant",
        "create the connector",
        "take the first snapshot: 2 tables",
    ]
    (sources.folder / "elsewhere.json").write_text(json.dumps(first | {"cluster": "another"}))
    assert "CON-181" in sources.cdc("connectors", "apply", str(sources.folder / "elsewhere.json"), exit_code=5)
    sources.cdc("connectors", "apply", file)
    assert plan_of(sources, "books", "plant", exit_code=0)["plans"][1]["steps"] == []
    assert sources.cdc("connectors", "apply", file).splitlines() == ["books: nothing to do", "plant: nothing to do"]

    password = sources.env["CDC_ERP_DBA_PASSWORD"]
    give(sources, "books", decimal_handling_mode="double", database_password=password)
    found = plan_of(sources, "books", "--out", file)
    assert password not in json.dumps(found)
    assert [(change["key"], change["before"], change["impact"]) for change in found["plans"][0]["changes"]] == [
        ("database.password", "***", "restart"),
        ("decimal.handling.mode", "double", "types"),
    ]
    give(sources, "books", max_batch_size="7")
    assert "CON-181" in sources.cdc("connectors", "apply", file, exit_code=5)
    assert plan_of(sources, "books")["plans"][0]["changes"] != found["plans"][0]["changes"]
    sources.cdc("connectors", "apply", "books")
    assert plan_of(sources, "books", exit_code=0)["plans"][0]["changes"] == []


def test_another_slot_takes_a_plan_and_a_new_snapshot(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "plant")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("r") == 2)
    sources.write("plant", FILES["plant"] + "settings: {slot.name: plant_two}\n")
    assert "CON-180" in sources.cdc("connectors", "apply", "plant", exit_code=5)
    with Connect(access.Connect(sources.env["CDC_CONNECT_URL"])) as connect:
        assert (connect.config("plant") or {})["slot.name"] == "cdc_plant"

    file = str(sources.folder / "plan.json")
    found = plan_of(sources, "plant", "--out", file)["plans"][0]
    assert found["impact"] == "slot"
    assert found["hints"] == [
        "when the new slot is in use, a DBA drops the old one: SELECT pg_drop_replication_slot('cdc_plant')"
    ]
    sources.plant.execute("UPDATE parent SET name = 'seen by the snapshot alone'")
    sources.cdc("connectors", "apply", file)
    records = sources.await_records(
        "plant", lambda records: [kind_of(record) for record in records].count("r") == 4, timeout_s=90
    )
    read = [record["after"]["name"] for record in records if kind_of(record) == "r"]
    assert read[-2:] == ["seen by the snapshot alone", "导管"]
    assert plan_of(sources, "plant", exit_code=0)["plans"][0]["steps"] == []
    sources.plant.execute(found["hints"][0].partition(": ")[2])


def test_a_connector_of_which_no_file_speaks_is_named(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "plant")
    (sources.folder / "connector-configs" / "plant.yaml").rename(sources.folder / "plant.yaml")
    assert "plant" in plan_of(sources)["strays"]  # beside those that other tests have left
    (sources.folder / "plant.yaml").rename(sources.folder / "connector-configs" / "plant.yaml")
