"""What the evidence costs: bytes of journal and key index per change, and landing with both against landing without.

    python -m tests.bench.evidence [--changes 400000] [--rows 10] [--rounds 3] [--durable] [--sealed]

The same stream is drained by turns by the land worker and by one that folds no digests into a chain, compresses no
records, and writes neither chunk nor changed key. Positions, mirrors and the ledger are the same in both. Of each the
fastest round counts: whatever else the machine does makes a round slower, never faster. The last line is JSON;
`slower_percent` is how much longer landing takes with evidence (aimed at: 15), `cpu_percent` how much more processor
time worker and target spend, `bytes_per_change` what journal and key index take, with their indexes.

More than 140 bytes a change end it with exit code 1: they do not depend on the machine, as both times do.

With `--sealed` a third deployment seals every chunk: `sealed_slower_percent` and `sealed_cpu_percent` are what that is
more than evidence in the clear, `sealed_journal_bytes_per_change` what the journal takes then.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from psycopg.sql import SQL, Composed

from cdc.change import Record
from cdc.cli.main import execute
from cdc.land import journal
from cdc.land.journal import Chunk
from cdc.land.mirror import changed_keys
from cdc.land.mirror.table import MirrorTable
from tests.bench.drain import Drained, check, drain, fill, say
from tests.bench.lots.plant import DURABLE, DURABLE_HELP, Deployment, plant

_WRAP = "BENCH_WRAP_LAND"
_WITHOUT = "--without"
_TABLES = ("journal", "changed_key")
MOST_BYTES = 140.0
"""That a change may take in journal and key index."""
# A partition has its own index and TOAST: what a month takes is all of it.
_SIZES = """
SELECT name, (pg_total_relation_size('cdc.' || name) + coalesce((SELECT sum(pg_total_relation_size(inhrelid))
              FROM pg_inherits WHERE inhparent = ('cdc.' || name)::regclass), 0))::bigint
FROM unnest(%s::text[]) name
"""


def land_without(words: list[str]) -> int:
    """Be a land worker that leaves no evidence; `words` are the command line that it takes the place of."""
    replace(journal, "chunks", _one_empty_chunk)
    replace(journal, "write_chunk", lambda *_: None)
    for name in ("note_keys", "note_written_keys"):
        replace(changed_keys, name, _no_keys)
    return execute(words[words.index("cdc") + 1 :])


def replace(owner: object, name: str, substitute: object) -> None:
    """Put something in the place of what is there: nothing would come of a name that is not."""
    assert hasattr(owner, name), name
    setattr(owner, name, substitute)


def _one_empty_chunk(records: Iterable[Record], chain: bytes) -> Iterator[Chunk]:
    yield Chunk(0, 0, sum(1 for _ in records), b"", chain)


def _no_keys(_: MirrorTable) -> Composed:
    return SQL("SELECT {}").format(SQL("%s::text, %s::bigint"))


def measure(deployment: Deployment, changes: int) -> Drained:
    """Drain the stream."""
    drained = drain(deployment, changes, ("land",))
    say(f"  {drained.seconds:.1f} s, {changes / drained.seconds:,.0f} changes/s")
    return drained


def more(
    rounds: Mapping[str, Sequence[Drained]], what: Callable[[Drained], float], kind: str = "with", than: str = "without"
) -> float:
    """Return by how many percent the least of a kind is more than the least of another one."""
    least = {name: min(map(what, of)) for name, of in rounds.items()}
    return round(100 * (least[kind] / least[than] - 1), 1)


def told(result: Mapping[str, float]) -> list[str]:
    """Return what the figures of a run say, for a person."""
    return [
        f"{what} with evidence by without: {1 + result[name] / 100:.3f}"
        for what, name in (("time to land", "slower_percent"), ("processor time of worker and target", "cpu_percent"))
    ]


def exit_code(result: Mapping[str, float]) -> int:
    """Return 1, and say it, if a change takes more bytes than it may."""
    if result["bytes_per_change"] <= MOST_BYTES:
        return 0
    say(f"FAILED: {result['bytes_per_change']} bytes a change, {MOST_BYTES:.0f} at most")
    return 1


def seal(deployment: Deployment) -> None:
    """Have what is kept of streams sealed: no field is made of a mirror as far as the target knows."""
    keys = deployment.folder / "keys.properties"
    keys.write_text(f"m1={secrets.token_hex(32)}\n")
    settings = deployment.folder / "cdc.yaml"
    protection = f'protection: {{keys: {{m1: "${{file:{keys}:m1}}"}}, current: m1}}\n'
    settings.write_text(settings.read_text() + protection)
    with deployment.connect() as connection:
        connection.execute("DELETE FROM cdc.mirror_class")


def sizes(deployment: Deployment) -> dict[str, int]:
    """Return the bytes that the tables of the evidence take, with their indexes."""
    with deployment.connect() as connection:
        return dict(connection.execute(_SIZES.encode(), (list(_TABLES),)).fetchall())


def main() -> int:
    """Fill, drain by turns, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=400_000)
    parser.add_argument("--rows", type=int, default=10, help="rows of a source transaction")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--durable", action="store_true", help=DURABLE_HELP)
    parser.add_argument("--sealed", action="store_true", help="measure sealed chunks as well")
    arguments = parser.parse_args()
    drained: dict[str, list[Drained]] = {"with": [], "without": []} | ({"sealed": []} if arguments.sealed else {})
    found: dict[str, int] = {}
    sealed: dict[str, int] = {}
    with plant(**(DURABLE if arguments.durable else {})) as place:
        lots = fill(place, arguments.changes, arguments.rows)
        for number in range(arguments.rounds):
            for kind, rounds in drained.items():
                say(f"{kind} evidence, round {number + 1}:")
                os.environ[_WRAP] = "" if kind != "without" else f"{sys.executable} -m tests.bench.evidence {_WITHOUT}"
                deployment = place.deployment(f"bench_{kind}_{number}")
                if kind == "sealed":
                    seal(deployment)
                rounds.append(measure(deployment, arguments.changes))
                check(deployment, lots, derived=False)
                left = sizes(deployment)
                found = left if kind == "with" else found
                sealed = left if kind == "sealed" else sealed
                if kind == "without" and any(left[name] > found[name] / 10 for name in _TABLES):
                    raise SystemExit(f"the worker that leaves no evidence has left {left}")
    result = {
        f"{kind}_per_s": round(arguments.changes / min(one.seconds for one in of)) for kind, of in drained.items()
    }
    result |= {
        "slower_percent": more(drained, lambda one: one.seconds),
        "cpu_percent": more(drained, lambda one: one.cpu_s),
    }
    result |= {f"{name}_bytes_per_change": round(size / arguments.changes, 1) for name, size in found.items()}
    result["bytes_per_change"] = round(sum(found.values()) / arguments.changes, 1)
    if sealed:
        result["sealed_slower_percent"] = more(drained, lambda one: one.seconds, "sealed", "with")
        result["sealed_cpu_percent"] = more(drained, lambda one: one.cpu_s, "sealed", "with")
        result["sealed_journal_bytes_per_change"] = round(sealed["journal"] / arguments.changes, 1)
    for line in told(result):
        say(line)
    print(json.dumps({"changes": arguments.changes, **result}))  # noqa: T201
    return exit_code(result)


if __name__ == "__main__":
    if sys.argv[1:2] == [_WITHOUT]:
        raise SystemExit(land_without(sys.argv[2:]))
    raise SystemExit(main())
