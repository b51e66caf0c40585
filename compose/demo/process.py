"""The demo's own background processes beside the stack: the service, the simulator, the probe.

They are run as the stack runs its servers: recorded by pid and start time, so that the next start finds and ends what a
crashed run has left behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from compose.local.daemon import Daemon, StackError
from compose.local.env import REPO, process_environment

SERVICE, SIMULATOR, PROBE = "cdc", "simulator", "probe"
STAND_BYS = {"land-2": ("cdc", "land"), "derive-2": ("cdc", "derive")}  # of a chaotic run
NAMES = (SERVICE, SIMULATOR, PROBE)
VISITORS = (SIMULATOR, PROBE)  # they run only while the simulator works


def background(env: Mapping[str, str], name: str, *arguments: str) -> Daemon:
    """Return how one of them is run: `python -m ARGUMENTS`."""
    local = Path(env["CDC_LOCAL"])
    folder = local / "data" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Daemon(
        name=name,
        local=local,
        folder=folder,
        executable=os.path.basename(os.path.realpath(sys.executable)),
        argv=(sys.executable, "-m", *arguments),
        env=process_environment(env) | {"PYTHONPATH": str(REPO)},
        ports={},
        stop_timeout_s=40.0,
    )


def service(env: Mapping[str, str]) -> Daemon:
    """Return how `cdc run` is run."""
    return background(env, SERVICE, "cdc", "run")


def stop_all(env: Mapping[str, str]) -> None:
    """End all of them, whoever has started them."""
    for name in (PROBE, SIMULATOR, *STAND_BYS, SERVICE):
        background(env, name).stop()


def run_cdc(env: Mapping[str, str], *arguments: str, accept: tuple[int, ...] = (0,)) -> str:
    """Run one command of the service to its end and return what it printed. Raises StackError with its last words."""
    return run_module(env, "cdc", *arguments, accept=accept)


def run_module(env: Mapping[str, str], *arguments: str, accept: tuple[int, ...] = (0,)) -> str:
    """Run `python -m ARGUMENTS` to its end and return what it printed. Raises StackError with its last words."""
    done = subprocess.run(
        (sys.executable, "-m", *arguments),
        capture_output=True,
        text=True,
        check=False,
        env=process_environment(env),
        cwd=REPO,
    )
    if done.returncode not in accept:
        said = (done.stderr or done.stdout).strip() or "it said nothing"
        raise StackError(f"{' '.join(arguments)} ended with exit code {done.returncode}: {said}")
    return done.stdout
