"""`python -m compose.local.ports BASE COMMAND ...`: run a command with a stack of its own, its ports moved to BASE."""

from __future__ import annotations

import os
import sys

from compose.local.env import environment, ports_from, process_environment


def main() -> None:
    """Replace this process by the command."""
    if len(sys.argv) < 3 or not sys.argv[1].isdecimal():
        sys.exit("usage: python -m compose.local.ports BASE COMMAND [ARGUMENT ...]")
    env = process_environment(environment(dict(os.environ) | ports_from(int(sys.argv[1]))))
    os.execvpe(sys.argv[2], sys.argv[2:], env)


if __name__ == "__main__":
    main()
