"""`python -m compose.local start|stop|status|env [service ...]`."""

from __future__ import annotations

import argparse
import shlex
import sys
import time

from compose.local.daemon import StackError
from compose.local.env import environment
from compose.local.stack import Stack


def main() -> int:
    """Run one verb; return the exit code (0 done, 1 failed, 130 interrupted)."""
    stack = Stack(environment())
    names = list(stack.services())
    parser = argparse.ArgumentParser(prog="python -m compose.local", description="The local stack, without Docker.")
    parser.add_argument("verb", choices=("start", "stop", "status", "env"))
    parser.add_argument("service", nargs="*", choices=[*names, []], help=f"default: all of {', '.join(names)}")
    arguments = parser.parse_args()
    try:
        return _run(stack, arguments.verb, arguments.service)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; what this call had started is stopped.", file=sys.stderr)
        return 130


def _run(stack: Stack, verb: str, names: list[str]) -> int:
    began = time.monotonic()
    if verb == "env":
        for name, value in stack.env.items():
            print(f"export {name}={shlex.quote(value)}")
        return 0
    if verb == "status":
        status = stack.status()
        for name, up in status.items():
            print(f"{name:8} {'up' if up else 'down'}")
        return 0 if all(status.values()) else 1
    if verb == "start":
        stack.start(names)
    else:
        stack.stop(names)
    print(f"{', '.join(names) or 'stack'} {'up' if verb == 'start' else 'stopped'} in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
