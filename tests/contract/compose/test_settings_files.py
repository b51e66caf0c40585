"""The database servers read their settings files (as their containers do) to what the local stack gives them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from compose.local.databases import mes_server, target_server
from compose.local.env import environment
from compose.local.mariadb import MariaDbServer
from compose.local.settings import FOLDER, read_settings


@pytest.mark.parametrize("make", [mes_server, target_server])
def test_postgresql_reads_its_file_to_what_the_stack_gives_it(make: object, tmp_path: Path) -> None:
    server = make(environment({"CDC_LOCAL": str(tmp_path)}))  # type: ignore[operator]
    server.folder.mkdir(parents=True)
    (server.folder / "postgresql.conf").touch()
    given = server.daemon().argv
    alone = given[: given.index("-D") + 2]
    path = FOLDER / server.name / "postgresql.conf"

    def value(name: str, *argv: str) -> str:
        return subprocess.run((*argv, "-C", name), capture_output=True, text=True, check=True).stdout

    settings = read_settings(path)
    assert len(settings) > 10
    for name in settings:
        assert value(name, *alone, "-c", f"config_file={path}") == value(name, *given), name


def test_mariadb_reads_its_file_to_what_the_stack_gives_it(tmp_path: Path) -> None:
    server = MariaDbServer(tmp_path, 3306, environment({"CDC_LOCAL": str(tmp_path)}))
    executable, _, *given = server.daemon().argv
    path = FOLDER / "erp" / "server.cnf"

    def values(*argv: str) -> dict[str, str]:
        done = subprocess.run(
            (executable, *argv, "--verbose", "--help"), capture_output=True, text=True, check=True, cwd=tmp_path
        )
        lines = (line.split(maxsplit=1) for line in done.stdout.splitlines() if line[:1].isalpha())
        return {line[0]: line[1] if len(line) > 1 else "" for line in lines}

    server.folder.mkdir(parents=True)
    (tmp_path / "data" / "erp.tmp").mkdir()
    from_file, from_stack = values(f"--defaults-file={path}"), values("--no-defaults", *given)
    names = read_settings(path).keys()
    assert len(names) > 10
    assert {name: from_file[name] for name in names} == {name: from_stack[name] for name in names}
