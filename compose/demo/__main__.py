"""`python -m compose.demo [run|stop|status]`: what `compose/demo.sh` hands over to once everything is installed."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

import psycopg
import pymysql

from compose.compare.database import ComparisonError
from compose.demo import process
from compose.demo.alone import only_run
from compose.demo.proof import prove
from compose.demo.run import Demo, Options
from compose.demo.screen import Screen
from compose.demo.serial import serial_table
from compose.demo.state import State
from compose.local.daemon import StackError
from compose.local.env import environment
from compose.local.stack import Stack

_DESCRIPTION = """\
The demo: a MariaDB ERP and a PostgreSQL MES flow into one PostgreSQL target while a simulator works on both and the
workers are killed in the middle; at the end everything is compared. Exit code 0 only if all of it holds.

run      (default) start what does not run, let the simulator work, drain, compare, stop again
status   what runs, and how far it is
stop     stop everything; the data stays

A second run reuses the stack and goes on with its data, log and positions included, if the run before has ended with
a clean comparison; otherwise (mismatches, a crash, Ctrl-C), or with --fresh, it begins with new data.

With --chaos more goes wrong than kills, one thing after the other, drawn with a seed: workers are killed, or frozen
until others take over; Connect, broker, target and sources are killed or restarted, tasks restarted, sessions ended,
connections reset. What has to hold at the end is the same; how fresh rows were is no part of it.
"""

_KEPT = """
Everything keeps running. To look at it:
  {python} -m compose.local env                  the variables that the lines below need: eval "$(...)"
  {python} -m cdc status                         streams and domains
  {python} -m cdc held list                      the rows that are held, and why
  psql "host=127.0.0.1 port={port} dbname={database} user={user}"      the target (password {password})
  {python} -m compose.compare                    the comparison again
  bash compose/demo.sh                           another run on the same data
  bash compose/demo.sh stop                      stop it"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code (0 all holds, 1 not, 130 interrupted)."""
    options = _parser().parse_args(arguments)
    env = environment()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)  # SIGINT too: a shell starts background jobs with it ignored
    try:
        if options.verb == "stop":
            return _stop(env)
        if options.verb == "status":
            return _status(env)
        return _run(env, options)
    except (StackError, ComparisonError, psycopg.Error, pymysql.MySQLError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        goes_on = State.of(env).runs() > 0
        print(
            f"Interrupted; everything is stopped.{'' if goes_on else ' The next run begins with new data.'}",
            file=sys.stderr,
        )
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demo.sh", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", nargs="?", choices=("run", "status", "stop"), default="run")
    parser.add_argument(
        "--seconds",
        type=_positive,
        help="how long the simulator works (60, with --chaos 180; 40 or more, or there are fewer than 500 probes)",
    )
    parser.add_argument("--rate", type=_positive, default=50.0, help="its transactions per second (50)")
    parser.add_argument("--seed", type=int, default=1, help="what the simulator's content is made from (1)")
    parser.add_argument(
        "--kills",
        type=int,
        default=2,
        help="SIGKILLs of workers; 2: both at once in the middle, else spread over the run (2)",
    )
    parser.add_argument(
        "--chaos",
        nargs="?",
        type=int,
        const=-1,
        metavar="SEED",
        help="let everything go wrong; without a seed another one each time, which is printed (instead of --kills)",
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end")
    parser.add_argument("--fresh", action="store_true", help="begin with new data whatever there is")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _run(env: Mapping[str, str], options: argparse.Namespace) -> int:
    with only_run(env):
        return _run_alone(env, options)


def _run_alone(env: Mapping[str, str], options: argparse.Namespace) -> int:
    chaos = secrets.randbelow(1_000_000) if options.chaos == -1 else options.chaos
    seconds = options.seconds or (60.0 if chaos is None else 180.0)
    screen = Screen(seconds)
    asked = Options(seconds, options.rate, options.seed, options.kills, options.fresh, options.keep, chaos)
    ended = False
    try:
        outcome = Demo(env, asked, screen).run()
        shown = serial_table(env)
        if shown is None:
            outcome.faults.append("no serial number was shipped")
        else:
            serial, table = shown
            screen.print(table)
            outcome.faults += prove(env, screen, serial)
        ended = True
    finally:
        if not (ended and options.keep):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # stopping is quick, and half of it helps nobody
            _stop_quietly(env)
    screen.say(outcome.freshness_line())
    if options.keep:
        screen.say(_kept(env))
    for failure in outcome.failures():
        screen.say(f"FAILED: {failure}")
    print(outcome.to_json(), flush=True)
    return 1 if outcome.failures() else 0


def _kept(env: Mapping[str, str]) -> str:
    return _KEPT.format(
        python=".venv/bin/python",
        port=env["CDC_TARGET_PORT"],
        database=env["CDC_TARGET_DATABASE"],
        user=env["CDC_TARGET_USER"],
        password=env["CDC_TARGET_PASSWORD"],
    )


def _stop_quietly(env: Mapping[str, str]) -> None:
    process.stop_all(env)
    Stack(env).stop()


def _stop(env: Mapping[str, str]) -> int:
    _stop_quietly(env)
    print("Everything is stopped; the data stays for the next run.")
    return 0


def _status(env: Mapping[str, str]) -> int:
    """Print what runs, and, if the service can be asked, how far it is."""
    up = Stack(env).status()
    up |= {name: process.background(env, name).running() is not None for name in process.NAMES}
    for name, running in up.items():
        print(f"{name:10} {'up' if running else 'down'}")
    if up["target"]:
        print(process.run_cdc(env, "status", accept=(0, 4)), end="")
    return 0 if all(running for name, running in up.items() if name not in process.VISITORS) else 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
