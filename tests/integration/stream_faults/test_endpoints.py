"""`cdc run` on the stack, scraped: what its workers show is what the target has."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg

from tests.contract.cdc.observe.http import Client, free_port
from tests.integration.service import Deployment, start
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import await_event

WORKERS = ("land", "derive", "watch")
FATES = ("landed", "superseded", "filtered", "replayed", "refused", "control")


def test_what_the_workers_of_a_run_show_is_what_the_target_has(
    deployment: Deployment, north: Source, south: Source, target: psycopg.Connection, tmp_path: Path
) -> None:
    ports = {worker: free_port() for worker in WORKERS}
    clients = {worker: Client(port) for worker, port in ports.items()}
    land, derive = clients["land"], clients["derive"]
    env = {**deployment.env, **{f"CDC_PORT_{worker.upper()}": str(port) for worker, port in ports.items()}}
    log = tmp_path / "run.log"
    process = start(env, log, "run")
    try:
        for source in (north, south):
            source.snapshot()
            source.send_commits(30)
            source.await_landed(target)
        derive.until(lambda: derive.get("/readyz").status_code == 200)
        assert land.get("/readyz").status_code == 200
        assert [client.get("/livez").status_code for client in clients.values()] == [200, 200, 200]
        assert_equals_ledger(land, target, north, south)
        derive.until(lambda: derive.sample("cdc_watermark_lag_batches", domain="part", stream="cdc.north") == 0)
        assert [client.sample("cdc_worker_restarts_total") for client in clients.values()] == [0, 0, 0]

        # A killed worker begins to count anew, from where it takes its streams over.
        batches = dict(target.execute("SELECT stream, batch FROM cdc.position").fetchall())
        os.kill(
            await_event(log, lambda e: e["event"] == "child_started" and e["child"] == "land")["pid"], signal.SIGKILL
        )
        for source in (north, south):
            source.send_commits(10)
            source.await_landed(target)
        land.until(lambda: land.get("/readyz").status_code == 200)
        assert land.sample("cdc_worker_restarts_total") == 1
        assert_equals_ledger(land, target, north, south, after=batches)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def assert_equals_ledger(
    land: Client, target: psycopg.Connection, *sources: Source, after: dict[str, int] | None = None
) -> None:
    samples = land.samples()
    for source in sources:
        sums = ", ".join(f"sum({fate})::int" for fate in FATES)
        query = f"SELECT count(*)::int, {sums} FROM cdc.batch WHERE stream = %s AND batch > %s"
        row = target.execute(query.encode(), (source.stream, (after or {}).get(source.stream, 0))).fetchone()
        shown = [samples["cdc_records_total", (("fate", fate), ("stream", source.stream))] for fate in FATES]
        assert (samples["cdc_batch_seconds_count", (("stream", source.stream),)], *shown) == row
        position = target.execute("SELECT next_offset FROM cdc.position WHERE stream = %s", (source.stream,))
        assert (samples["cdc_position_offset", (("stream", source.stream),)],) == position.fetchone()
        assert samples["cdc_lag_records", (("stream", source.stream),)] == 0
