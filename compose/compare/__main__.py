"""`python -m compose.compare [--log FILE]`: compare the stack's sources with its target. Exit 0 equal, 3 different."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import psycopg
import pymysql

from compose.compare.compare import compare
from compose.compare.database import ComparisonError
from compose.local.env import environment


def main() -> int:
    """Compare, print, return the exit code."""
    env = environment()
    parser = argparse.ArgumentParser(
        prog="python -m compose.compare",
        description="Compare sources and target. Nothing must be at work on the sources, and all of it be derived.",
    )
    parser.add_argument("--log", type=Path, default=Path(env["CDC_LOCAL"]) / "demo" / "simulator.jsonl")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    arguments = parser.parse_args()
    try:
        result = compare(env, arguments.log)
    except (ComparisonError, OSError, psycopg.Error, pymysql.MySQLError) as error:
        print(f"The comparison cannot be made: {error}", file=sys.stderr)
        return 1
    print(json.dumps(dataclasses.asdict(result), ensure_ascii=False) if arguments.json else result.summary())
    return 0 if result.clean else 3


if __name__ == "__main__":
    sys.exit(main())
