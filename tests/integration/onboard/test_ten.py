"""The ten commands of connector-configs/README.md, as they stand there: a third source runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.local.env import REPO
from compose.local.stack import Stack
from tests.integration.service import connect, eventually
from tests.integration.shapes.shapes import Shapes, clear, make_deployment
from tests.integration.shapes.side import Side

PAGE = REPO / "connector-configs" / "README.md"
TABLES = """
CREATE TABLE machine (id int PRIMARY KEY, name text NOT NULL, since timestamptz);
CREATE TABLE reading (machine int NOT NULL REFERENCES machine, at timestamp NOT NULL, value numeric(12,3),
    PRIMARY KEY (machine, at));
CREATE TABLE remark (text text);
INSERT INTO machine SELECT n, '机 ' || n, now() FROM generate_series(1, 20) n;
INSERT INTO reading SELECT 1 + n % 20, timestamp '2026-01-01' + n * interval '1 s', n / 7.0
    FROM generate_series(1, 2000) n;
INSERT INTO remark VALUES ('same'), ('same')
"""
# What a person reads there: `plan` says that there is something to do; what has just been applied is still being read.
EXIT_CODES = {"plan": {3}, "status": {0, 4}}
# What the page asks for: an account that may log in. All else is in the DBA's script.
ACCOUNT, PASSWORD = "plant_capture", "it is for a test"


def commands() -> list[str]:
    section = PAGE.read_text(encoding="utf-8").partition("## A third source in ten commands")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    return block.strip().splitlines()


@pytest.fixture
def plant(stack: Stack, tmp_path: Path) -> Iterator[Shapes]:
    side = Side("plant", "postgresql", ("none",), stack.env)
    made = make_deployment(tmp_path, stack, "third", side)
    (tmp_path / "connector-configs" / "plant.yaml").unlink()
    with side.connection() as connection:
        connection.execute(TABLES.encode())
        connection.execute(f"CREATE ROLE {ACCOUNT} LOGIN PASSWORD '{PASSWORD}'".encode())
    yield made
    clear(made)
    with connect(stack.env, "MES", "DBA_") as connection:  # its database has gone with what it was granted there
        connection.execute(f"DROP ROLE {ACCOUNT}".encode())


@pytest.mark.slow  # a minute
def test_the_page_ends_in_a_running_source(plant: Shapes, stack: Stack) -> None:
    lines = commands()
    assert len(lines) == 10
    folder, env = plant.deployment.folder, _environment(plant, stack)
    secrets = Path(stack.env["CDC_LOCAL"]) / "secrets"  # where the stack's Connect may read
    secrets.mkdir(exist_ok=True)
    login = {"user": ACCOUNT, "password": PASSWORD}
    (secrets / "plant.properties").write_text("".join(f"{key}={value}\n" for key, value in login.items()))
    here = {"/etc/cdc": str(secrets), "5432": stack.env["CDC_MES_PORT"]}
    lines = [re.sub("|".join(here), lambda found: here[found[0]], line) for line in lines]
    for line in lines[:8]:
        _run(line, folder, env)
    assert lines[8] == "cdc run"
    with plant.running(), plant.deployment.target() as target:
        for table, rows in (("machine", 20), ("reading", 2000)):
            eventually(target, f"SELECT count(*) FROM plant.{table}", [(rows,)])
        eventually(target, "SELECT text, _count FROM plant.remark", [("same", 2)])
        _run(lines[9], folder, env)


def _run(line: str, folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(  # the page's own words, for a shell
        line, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=180
    )
    verb = next((word for word in EXIT_CODES if f" {word} " in line), "")
    assert done.returncode in EXIT_CODES.get(verb, {0}), f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"


def _environment(plant: Shapes, stack: Stack) -> dict[str, str]:
    """The DBA's account for `psql`, and for everybody else the one that the page speaks of."""
    psql = Path(shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql").parent
    login = {name: stack.env[f"CDC_MES_{name}"] for name in ("HOST", "PORT")}
    return {
        **plant.deployment.env,
        "PATH": f"{Path(sys.executable).parent}:{psql}:{os.environ['PATH']}",
        "PGHOST": login["HOST"],
        "PGPORT": login["PORT"],
        "PGUSER": stack.env["CDC_MES_DBA_USER"],
        "PGPASSWORD": stack.env["CDC_MES_DBA_PASSWORD"],
    }
