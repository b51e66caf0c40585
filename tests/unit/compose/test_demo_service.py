"""The service is started again after the one end that a chaotic run has to expect, and after no other."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from compose.demo import process
from compose.demo.service import Service
from compose.local.daemon import Daemon, StackError
from compose.local.env import environment

FENCED = "LND-105 another worker has taken the stream over: cdc.erp"
BROKEN = "STR-105 a transaction came again with other content: cdc.erp"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service whose first process says what is in a file and ends, when it is told to; the second one stays.

    Not by itself: it could be over before whoever started it has looked for it, and that is another fault.
    """
    code = (
        "import pathlib, sys, time; said, told = pathlib.Path('said'), pathlib.Path('told')\n"
        "while said.exists():\n"
        "    if told.exists(): text = said.read_text(); said.unlink(); print('started'); print(text); sys.exit(1)\n"
        "    time.sleep(0.01)\n"
        "time.sleep(300)"
    )

    def daemon(env: object, name: str = process.SERVICE, *_words: str) -> Daemon:
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True, exist_ok=True)
        executable = Path(sys.executable).resolve().name
        return Daemon(name, tmp_path, folder, executable, (sys.executable, "-c", code), {}, {})

    monkeypatch.setattr(process, "service", daemon)
    monkeypatch.setattr(process, "background", daemon)
    return Service(environment({"CDC_LOCAL": str(tmp_path)}), has_stand_bys=True)


def end(service: Service, tmp_path: Path, name: str, said: str) -> None:
    folder = tmp_path / "data" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "told").unlink(missing_ok=True)
    (folder / "said").write_text(said)
    service.start()
    (folder / "told").touch()
    daemon = process.background({}, name)
    while daemon.running() is not None:
        time.sleep(0.01)


@pytest.mark.parametrize("name", ["cdc", "land-2"])
def test_a_fenced_worker_is_started_again(service: Service, tmp_path: Path, name: str) -> None:
    try:
        end(service, tmp_path, name, FENCED)
        assert service.parent().alive()
        assert service.fenced == 1
        assert service.parent().alive()
        assert service.fenced == 1
    finally:
        service.stop()
    assert not service.is_running()


@pytest.mark.parametrize("name", ["cdc", "derive-2"])
def test_any_other_end_is_a_fault(service: Service, tmp_path: Path, name: str) -> None:
    try:
        end(service, tmp_path, name, BROKEN)
        with pytest.raises(StackError, match="STR-105"):
            service.parent()
    finally:
        service.stop()


def test_what_an_earlier_run_said_does_not_count(service: Service, tmp_path: Path) -> None:
    try:
        end(service, tmp_path, "cdc", FENCED)
        service.stop()
        end(service, tmp_path, "cdc", BROKEN)
        with pytest.raises(StackError, match="STR-105"):
            service.parent()
    finally:
        service.stop()


def test_without_stand_bys_nobody_can_be_fenced(service: Service, tmp_path: Path) -> None:
    service.has_stand_bys = False
    try:
        end(service, tmp_path, "cdc", FENCED)
        with pytest.raises(StackError, match="LND-105"):
            service.parent()
    finally:
        service.stop()
