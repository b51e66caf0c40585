"""The parent of `cdc run` and the frame of a worker, with real processes and real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE = "Patience(first_wait=0.01, longest_wait=0.04, settled=60, drain=30)"

OBEDIENT = """
import os, pathlib, signal, sys, threading
from cdc.reference import Secret
from cdc import config, worker
here = pathlib.Path(sys.argv[1]) / sys.argv[2]
def run(settings, stop, monitor):
    with here.open("a") as file:
        file.write(f"{os.getpid()}\\n")
    stop.wait()
    here.with_suffix(".drained").touch()
settings = config.Settings(
    config.Target("", 1, "", "", Secret("")), config.Kafka(""), config.Connect(""), config.Folders(pathlib.Path()),
    observe=config.Observe(land_port=0),
)
sys.exit(worker.work("land", run, settings))
"""
DEAF = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(pathlib.Path(sys.argv[1]) / sys.argv[2]).write_text(f"{os.getpid()}\\n")
time.sleep(300)
"""
FAILING = """
import pathlib, sys, time
while not (pathlib.Path(sys.argv[1]) / "fail").exists():
    time.sleep(0.01)
sys.exit(int((pathlib.Path(sys.argv[1]) / "fail").read_text()))
"""
DYING = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


class Running:
    """A parent in a process of its own, with children `a` and `b`."""

    def __init__(self, folder: Path, a: str, b: str, patience: str = PATIENCE) -> None:
        self.folder = folder
        command = "({python!r}, '-c', {code!r}, {folder!r}, {name!r})"
        commands = {
            name: command.format(python=sys.executable, code=code, folder=str(folder), name=name)
            for name, code in (("a", a), ("b", b))
        }
        program = (
            "import sys; from cdc.observe import log; from cdc.parent import Parent, Patience; log.configure()\n"
            "def execute(command):\n"
            "    sys.argv = ['-c', *command[3:]]\n"
            "    exec(command[2], {})\n"
            f"sys.exit(Parent({{'a': {commands['a']}, 'b': {commands['b']}}}, execute, {patience}).run())"
        )
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen((sys.executable, "-c", program), stderr=log)

    def started(self, name: str, times: int = 1) -> int:
        """Wait until the child has been started so often; return its process id."""
        path = self.folder / name
        until(lambda: path.exists() and path.read_text().count("\n") >= times)
        return int(path.read_text().split()[-1])

    def drained(self, name: str) -> bool:
        return (self.folder / name).with_suffix(".drained").exists()

    def log(self, event: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in (self.folder / "log").read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def descendants(self) -> list[int]:
        return [int(entry["pid"]) for entry in self.log("child_started")]  # type: ignore[call-overload]


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; the limit only ends a test that would hang."""
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "the condition never came true"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    parents: list[Running] = []

    def starter(a: str, b: str, patience: str = PATIENCE) -> Running:
        parents.append(Running(tmp_path, a, b, patience))
        return parents[-1]

    yield starter
    for parent in parents:
        parent.process.kill()
        parent.process.wait()
        for pid in parent.descendants():
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_stopped_parent_lets_both_children_drain(
    start: Callable[..., Running], number: signal.Signals, code: int
) -> None:
    parent = start(OBEDIENT, OBEDIENT)
    children = [parent.started("a"), parent.started("b")]
    parent.process.send_signal(number)
    assert parent.process.wait(60) == code
    assert parent.drained("a")
    assert parent.drained("b")
    assert not any(map(alive, children))


def test_a_killed_child_is_started_again_and_the_other_one_goes_on(start: Callable[..., Running]) -> None:
    parent = start(OBEDIENT, OBEDIENT)
    first, other = parent.started("a"), parent.started("b")
    os.kill(first, signal.SIGKILL)
    second = parent.started("a", times=2)
    assert first != second
    assert alive(other)
    assert not Path(f"/proc/{first}").exists(), "the killed child was left as a zombie"
    parent.process.terminate()
    assert parent.process.wait(60) == 0
    assert [(line["child"], line["signal"]) for line in parent.log("child_died")] == [("a", "SIGKILL")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGRTMIN + 6])
def test_a_child_that_somebody_stopped_is_started_again(start: Callable[..., Running], number: int) -> None:
    parent = start(OBEDIENT, OBEDIENT)
    os.kill(parent.started("a"), number)
    parent.started("a", times=2)
    parent.process.terminate()
    assert parent.process.wait(60) == 0


def test_deaths_are_noticed_by_a_parent_that_was_started_to_ignore_them(start: Callable[..., Running]) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        parent = start(OBEDIENT, OBEDIENT)
    finally:
        signal.signal(signal.SIGCHLD, before)
    os.kill(parent.started("a"), signal.SIGKILL)
    parent.started("a", times=2)
    parent.process.terminate()
    assert parent.process.wait(60) == 0


def test_children_have_names_an_empty_stdin_and_know_how_often_they_were_started(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    looking = (
        "import os, pathlib, sys\n"
        "seen = os.environ['CDC_RESTARTS'] + ' ' + os.readlink('/proc/self/fd/0')\n"
        "pathlib.Path(sys.argv[1], 'seen').write_text(seen)\n"
    )
    parent = start(looking + OBEDIENT, OBEDIENT)
    pid = parent.started("a")
    assert (tmp_path / "seen").read_text() == "0 /dev/null"
    assert Path(f"/proc/{pid}/cmdline").read_text().startswith("cdc a (")
    os.kill(pid, signal.SIGKILL)
    parent.started("a", times=2)
    until(lambda: (tmp_path / "seen").read_text() == "1 /dev/null")
    parent.process.terminate()
    assert parent.process.wait(60) == 0


def test_a_signal_that_comes_at_the_very_end_does_not_change_the_exit_code(start: Callable[..., Running]) -> None:
    parent = start(OBEDIENT, OBEDIENT)
    parent.started("a"), parent.started("b")
    parent.process.terminate()
    while parent.process.poll() is None:
        parent.process.terminate()
        time.sleep(0.0005)
    assert parent.process.returncode == 0


def test_waits_between_restarts_grow_up_to_their_limit(start: Callable[..., Running]) -> None:
    parent = start(DYING, OBEDIENT)
    until(lambda: len(parent.log("child_died")) >= 5)
    parent.process.terminate()
    assert parent.process.wait(60) == 0
    assert [line["restart_in_s"] for line in parent.log("child_died")][:5] == [0.01, 0.02, 0.04, 0.04, 0.04]


@pytest.mark.parametrize("code", [1, 2])
def test_a_child_that_fails_ends_the_other_one_and_the_parent_with_its_code(
    start: Callable[..., Running], code: int
) -> None:
    parent = start(FAILING, OBEDIENT)
    other = parent.started("b")
    (parent.folder / "fail").write_text(str(code))
    assert parent.process.wait(60) == code
    assert parent.drained("b")
    assert not alive(other)
    assert [(line["child"], line["exit_code"]) for line in parent.log("child_failed")] == [("a", code)]


def test_children_end_when_the_parent_is_killed(start: Callable[..., Running]) -> None:
    parent = start(OBEDIENT, OBEDIENT)
    children = [parent.started("a"), parent.started("b")]
    parent.process.kill()
    until(lambda: not any(map(alive, children)))
    assert parent.drained("a")
    assert parent.drained("b")


def test_a_child_that_does_not_end_is_killed(start: Callable[..., Running]) -> None:
    parent = start(DEAF, OBEDIENT, "Patience(drain=0.2)")
    deaf = parent.started("a")
    parent.started("b")
    parent.process.terminate()
    assert parent.process.wait(60) == 0
    assert not alive(deaf)
    assert len(parent.log("children_killed")) == 1


def test_a_second_interrupt_kills_at_once(start: Callable[..., Running]) -> None:
    parent = start(DEAF, OBEDIENT)
    deaf = parent.started("a")
    parent.started("b")
    parent.process.send_signal(signal.SIGINT)
    until(lambda: parent.drained("b"))
    parent.process.send_signal(signal.SIGINT)
    assert parent.process.wait(60) == 130
    assert not alive(deaf)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_worker_alone_drains_on_a_signal(tmp_path: Path, number: signal.Signals, code: int) -> None:
    worker = subprocess.Popen((sys.executable, "-c", OBEDIENT, str(tmp_path), "w"), stderr=subprocess.DEVNULL)
    until((tmp_path / "w").exists)
    worker.send_signal(number)
    assert worker.wait(60) == code
    assert (tmp_path / "w.drained").exists()


def test_a_worker_that_hangs_ends_at_the_second_interrupt(tmp_path: Path) -> None:
    hanging = OBEDIENT.replace("stop.wait()", "stop.wait(); here.with_suffix('.stopping').touch(); signal.pause()")
    worker = subprocess.Popen((sys.executable, "-c", hanging, str(tmp_path), "w"), stderr=subprocess.DEVNULL)
    until((tmp_path / "w").exists)
    worker.send_signal(signal.SIGINT)
    until((tmp_path / "w.stopping").exists)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(60) == 130
    assert not (tmp_path / "w.drained").exists()
