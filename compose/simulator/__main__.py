"""`python -m compose.simulator install | run`. Exit 0 done (also when stopped by a signal), 1 failed, 2 usage."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from compose.local.env import environment
from compose.simulator.error import SimulatorError
from compose.simulator.install import install
from compose.simulator.plan import Settings
from compose.simulator.run import run


def main() -> int:
    """Run one verb; return the exit code."""
    env = environment()
    arguments = _parser(Path(env["CDC_LOCAL"]) / "demo" / "simulator.jsonl").parse_args()
    stop = threading.Event()
    try:
        if arguments.verb == "install":
            install(env, print)
            return 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        settings = Settings(arguments.seconds, arguments.rate, arguments.seed, arguments.quiet)
        summary = run(env, settings, arguments.log, stop, reconnects=arguments.reconnect)
    except SimulatorError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(summary, ensure_ascii=False))
    return 0


def _parser(log: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m compose.simulator", description="Plays the two applications.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("install", help="create and seed both databases, run the DBA's scripts; does nothing twice")
    play = verbs.add_parser("run", help="work on both databases as their users would")
    play.add_argument("--seconds", type=_positive, required=True)
    play.add_argument("--rate", type=_positive, default=50.0, help="transactions per second (default: 50)")
    play.add_argument("--seed", type=int, default=1, help="another seed, other transactions (default: 1)")
    play.add_argument("--log", type=Path, default=log, help=f"of all runs on the same data (default: {log})")
    play.add_argument("--reconnect", action="store_true", help="wait for a database that is restarted, and go on")
    play.add_argument(
        "--quiet",
        type=_windows,
        default=(),
        metavar="FROM-TO[,FROM-TO]",
        help="seconds of the run without bulk update and DDL",
    )
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _windows(text: str) -> tuple[tuple[float, float], ...]:
    windows = []
    for window in text.split(","):
        start, _, end = window.partition("-")
        try:
            windows.append((float(start), float(end)))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{window} is not FROM-TO in seconds") from None
        if not windows[-1][0] < windows[-1][1]:
            raise argparse.ArgumentTypeError(f"{window} ends before it begins")
    return tuple(windows)


if __name__ == "__main__":
    sys.exit(main())
