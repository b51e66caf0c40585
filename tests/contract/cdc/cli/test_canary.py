"""Canaries: secrets and personal values are sown, and come up nowhere but in the tables where they are meant to be.

They go through landing, a refusal, a held row and an error of the database whose DETAIL quotes one; then all that the
service says is searched: logs at their most talkative, metrics, status, errors, `ps`, what commands print and keep.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import zstandard

from cdc.cli.target import apply_target
from cdc.config import load
from cdc.land.journal import opened
from cdc.observe import log
from compose.local.env import REPO
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.small import FILES, SOURCE
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item, pair
from tests.contract.cdc.observe.http import Client, free_port
from tests.contract.cdc.test_derive_worker import wait_until
from tests.unit.cdc.stream.wire import PostgresWire
from transforms.value.token import EXAMPLE_KEY, token_of

PERSON, REFUSED, NUMBER = "Canary-Person", "canary-refused", "canary-number"
PERSONAL = (PERSON, REFUSED, NUMBER)
SECRETS = (
    "canary-of-kafka-0123456789",
    "canary-of-tokens-0123456789-0123456789",
    "canary-of-connect",
    "canary-of-master-0123456789-0123456789",
    "secret-of-source",
)
MAPPING = """mapping: src.item
version: "1"
source: {table: src.item, columns: {id: integer, name: text, note: text, qty: decimal}}
target:
  table: trace.thing
  key: [material_id]
  columns:
    material_id: "CONCAT('T-', id)"
    contact: name
    remark: "TOKEN(name, 'person')"
    country: "CASE WHEN qty > 2 THEN note END"
examples:
  - name: one
    in: {id: 1, name: a, note: b, qty: 1}
    out: {material_id: T-1, contact: a, remark: EXAMPLE}
""".replace("EXAMPLE", token_of(EXAMPLE_KEY, "a"))
# A key that is a person's value, and a look-up that reads one: its old values are noted beside the keys that changed.
PAIRS = """mapping: src.pair
version: "1"
source: {table: src.pair, columns: {code: text, number: integer}}
lookups:
  item: {table: src.item, match: item.id = number, columns: {id: integer, name: text}}
target:
  table: trace.pair
  key: [material_id]
  columns:
    material_id: "CONCAT('P-', number)"
    contact: "COALESCE(item.name, code)"
examples:
  - {name: one, in: {code: a, number: 1}, lookups: {item: {id: 1, name: b}}, out: {material_id: P-1, contact: b}}
"""
WRITTEN = {**FILES, "mappings/src.item.yaml": MAPPING, "mappings/src.pair.yaml": PAIRS}


@dataclass
class Sown:
    stage: Stage
    wire: PostgresWire
    worker: subprocess.Popen[bytes]
    log: Path
    landing: StringIO
    endpoint: Client

    def said(self) -> str:
        return self.log.read_text() + self.landing.getvalue()

    def land(self, *rows: dict[str, object]) -> None:
        self.land_by(*((self.wire.insert, "item", "id", row) for row in rows))

    def land_by(self, *changes: tuple[Any, ...]) -> None:
        for change, *arguments in changes:
            self.wire.begin()
            change(*arguments)
            self.wire.end()
        self.stage.land(self.wire.records)


@pytest.fixture
def sown(config: Path, target_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sown]:
    port = free_port()
    configs, dictionary = tmp_path / "connector-configs", tmp_path / "dictionary"
    for folder, files in ((configs, {"src.yaml": SOURCE}), (dictionary, WRITTEN)):
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    for name, secret in zip(("KAFKA", "TOKENS", "CONNECT", "MASTER"), SECRETS, strict=False):
        monkeypatch.setenv(f"CANARY_{name}", secret)
    text = config.read_text().replace(str(REPO / "connector-configs"), str(configs))
    text = text.replace("folders: {", f"folders: {{dictionary: {dictionary}, ")
    text = text.replace(
        'bootstrap: "127.0.0.1:9"}',
        'bootstrap: "127.0.0.1:9", security:'
        ' {protocol: SASL_PLAINTEXT, mechanism: SCRAM-SHA-512, user: cdc, password: "${env:CANARY_KAFKA}"}}',
    ).replace('"http://127.0.0.1:9"', '"http://127.0.0.1:9", user: cdc, password: "${env:CANARY_CONNECT}"')
    text += 'protection: {keys: {m1: "${env:CANARY_MASTER}"}, current: m1}\n'
    text += f'tokens: {{person: "${{env:CANARY_TOKENS}}"}}\nlog: {{level: debug}}\nobserve: {{derive_port: {port}}}\n'
    config.write_text(text)
    landing = StringIO()
    log.configure("debug", landing)
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage, (tmp_path / "log").open("wb") as file:
        apply_target(load(config))
        stage.do("UPDATE cdc.position SET generations = 1")
        stage.session.protection = load(config).protection
        command = [sys.executable, "-m", "cdc", "derive", "--dev"]
        worker = subprocess.Popen(command, stderr=file, stdout=file, cwd=REPO, env=dict(os.environ))
        try:
            yield Sown(stage, PostgresWire(), worker, tmp_path / "log", landing, Client(port))
        finally:
            worker.kill()
            worker.wait()


def test_no_canary_is_heard(sown: Sown, cdc: Cdc, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody answers there, which takes its time; that is looked at below.
    monkeypatch.setattr("cdc.cli.status.end_offsets", lambda _brokers, names: dict.fromkeys(names, 100))
    sown.land(
        item(1, PERSON, "CN"),
        item(2, PERSON, "nowhere", qty="3.00"),  # held: no such country
        {**item(3, REFUSED), "qty": "12.345"},
    )
    wait_until(lambda: sown.stage.query("SELECT count(*) FROM trace.thing") == [(1,)])
    wait_until(lambda: sown.stage.query("SELECT code FROM cdc.held") == [("COD-201",)])
    # What is kept for good has no key of a person; what look-ups read of a row before goes when it has been derived.
    changed = (sown.wire.update, "item", "id", item(1, PERSON, "CN", qty="1.70"))
    sown.land_by((sown.wire.insert, "pair", "code,number", pair(NUMBER, 1, "12.345")), changed)
    assert sown.stage.query("SELECT old ->> 'name' FROM cdc.journal_key WHERE old ? 'name'") in ([], [(PERSON,)])
    wait_until(lambda: sown.stage.query("SELECT FROM cdc.journal_key WHERE old ? 'name'") == [])
    heard = [sown.endpoint.get(path).text for path in ("/metrics", "/readyz", "/livez")]
    heard.append(subprocess.check_output(["ps", "-ww", "-f", "-p", str(sown.worker.pid)], text=True))
    assert "cdc" in heard[-1]

    # What the database says of a row that it does not take quotes it.
    sown.stage.do("CREATE UNIQUE INDEX by_hand ON trace.thing (contact)")
    sown.land(item(4, PERSON, "CN"))
    wait_until(lambda: "last_scrape_awaited" in sown.said())
    heard.append(sown.endpoint.get("/metrics").text)
    assert sown.worker.wait(30) == 1

    offset = sown.stage.query('SELECT min("offset") FROM cdc.refused')[0][0]
    commands = [
        ("status",),
        ("held", "list"),
        ("held", "list", "--group", "--json"),
        ("held", "show", "src.item", "2"),
        ("held", "show", "src.item", "2", "--json"),
        ("held", "retry", "--all", "--dry-run", "--json"),
        ("refused", "list", "--json"),
        ("refused", "show", "cdc.src", str(offset)),
        ("refused", "show", "cdc.src", str(offset), "--json"),
        ("explain", "trace.thing", "T-1"),
        ("explain", "trace.thing", "T-1", "--json"),
        ("explain", "src.item", "2"),
        ("history", "src.item", "2"),
        ("history", "trace.thing", "T-1", "--json"),
        ("history", "src.item", "2", "--as-of", "2100-01-01", "--json"),
        ("audit", "rows", "--json"),
        ("audit", "mirrors", "--json"),
        ("audit", "verify"),
        ("ledger", "check"),
        ("target", "grants"),
    ]
    for command in commands:
        done = cdc(*command)
        assert 0 <= done.code <= 4, done.err
        assert "APP-101" not in done.err, done.err
        heard.append(done.out + done.err)
    heard.append(sown.said())
    kept = "worker_stop", "gap", "operator_action", "held", "audited", "batch", "batch_table"
    heard += [str(sown.stage.query(f"SELECT to_jsonb(x)::text FROM cdc.{table} x")) for table in kept]
    heard += [str(sown.stage.query("SELECT stream, mirror, key, code, detail FROM cdc.refused"))]
    for place, text in enumerate(heard):
        assert not [canary for canary in (*PERSONAL, *SECRETS) if canary in text], (place, text)

    # Nor in any table of the service, but a key where its row is looked up by it, which no token stands for.
    tables = sown.stage.query("SELECT tablename FROM pg_tables WHERE schemaname = 'cdc' ORDER BY 1")
    texts = {table: str(sown.stage.query(f"SELECT to_jsonb(x)::text FROM cdc.{table} x")) for (table,) in tables}
    assert {canary: [table for table, text in texts.items() if canary in text] for canary in PERSONAL} == {
        PERSON: [],
        REFUSED: [],
        NUMBER: ["changed_key", "stale"],
    }

    # What came of them is kept sealed: whoever copies the tables has nothing, whatever he decompresses.
    chunks = sown.stage.query("SELECT first_offset, chunk, data_key FROM cdc.journal")
    values = [bytes(value) for (value,) in sown.stage.query("SELECT record_value FROM cdc.refused")]
    found = [*values, *(bytes(data) for _, data, _ in chunks), *(_decompressed(data) for _, data, _ in chunks)]
    assert not [canary for canary in PERSONAL for data in found if canary.encode() in data]
    opener = sown.stage.session.opener()
    with sown.stage.connection.transaction():
        plain = [_decompressed(opened(opener, "cdc.src", *chunk)) for chunk in chunks]
    assert all(any(canary.encode() in data for data in plain) for canary in PERSONAL)

    # They are where they are meant to be, and a token stands for one.
    assert sown.stage.query("SELECT contact, left(remark, 3) FROM trace.thing") == [(PERSON, "v1:")]
    shown = cdc("held", "show", "src.item", "2", "--reveal", "--reason", "complaint 7")
    assert PERSON in shown.out
    assert REFUSED in cdc("refused", "show", "cdc.src", str(offset), "--reveal", "--reason", "complaint 7").out
    query = "SELECT action, object, reason FROM cdc.operator_action ORDER BY id DESC LIMIT 2"
    assert sown.stage.query(query) == [
        ("refused show --reveal", f"cdc.src {offset}", "complaint 7"),
        ("held show --reveal", "src.item 2", "complaint 7"),
    ]
    assert cdc("held", "show", "src.item", "2", "--reveal").code == 2

    # What is masked is what the dictionary in force says, whatever somebody is writing in its files.
    (sown.log.parent / "dictionary" / "mappings" / "src.item.yaml").write_text("mapping: [")
    assert PERSON not in cdc("history", "src.item", "2").out
    assert cdc("held", "list").code == 0


def _decompressed(data: bytes) -> bytes:
    """Return all that zstd finds in the data; nothing in what is none of its own."""
    start = data.find(zstandard.FRAME_HEADER)
    try:
        return b"" if start < 0 else zstandard.ZstdDecompressor().decompress(data[start:])
    except zstandard.ZstdError:
        return b""


@pytest.mark.slow
def test_no_secret_is_heard_where_nobody_answers(sown: Sown, cdc: Cdc) -> None:
    for command in (("status",), ("check",), ("connectors", "status")):
        done = cdc(*command)
        assert done.code != 0
        assert not [secret for secret in SECRETS if secret in done.out + done.err + sown.said()]
