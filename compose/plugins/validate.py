"""`python -m compose.plugins.validate`: have each real plugin check its template; write down what it said.

Debezium checks all fields first, and tries to connect only if none is wrong. So each template is sent twice: with one
field that is wrong on purpose, which has to be the only one that is complained of, and as it is, which has to get as
far as the server, that is not there. With a stack of its own:
`python -m compose.local.ports 31000 python -m compose.plugins.validate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from cdc.access import KafkaSecurity
from cdc.capture.connector import render
from cdc.capture.plugin import CLASSES, plugin_of
from cdc.capture.source import KINDS, UNLANDED, raise_faults, read_source
from compose.local.env import REPO, environment
from compose.plugins.keys import OTHERS
from compose.plugins.worker import eight_plugins, fetch

TEMPLATES: Final = REPO / "connector-configs" / "templates"
RECORD: Final = TEMPLATES / "validated.md"
WRONG: Final = "decimal.handling.mode"
# Kafka Connect gives up a validation after 90 s.
_TIMEOUT_S = 95.0
# Where these get no connection, the answer is an error of the server, with this message.
_NO_CONNECTION = "Couldn't obtain database name"
_SHOWN = 60
_HOST = "database.hostname"
_REACHED = "no connection"
# IBM i's: of its fields nobody can say more than that it knows their names.
_AT_ONCE = "no connection, before it looked at any field"


@dataclass(frozen=True, slots=True)
class _Brokers:
    bootstrap: str
    security: KafkaSecurity


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a plugin said of its template: the fields that it refused beside the wrong one, and how far it came then."""

    kind: str
    settings: int
    refused: tuple[str, ...]
    then: str

    @property
    def is_good(self) -> bool:
        """Whether nothing but the connection is missing."""
        return not self.refused and self.then in (_REACHED, _AT_ONCE)


def verdicts(url: str, bootstrap: str) -> list[Verdict]:
    """Return what each plugin behind `url` says, by kind."""
    with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as client, ThreadPoolExecutor() as pool:
        return list(pool.map(partial(_verdict, client, bootstrap), CLASSES))


def record(found: Iterable[Verdict]) -> str:
    """Return the page that is committed."""
    lines = (
        f"| {one.kind} | {CLASSES[one.kind].rpartition('.')[2]} {plugin_of(one.kind).version} | {one.settings} "
        f"| {', '.join(one.refused) or 'none'} | {one.then} |"
        for one in found
    )
    return "\n".join((_HEAD, *lines, ""))


_HEAD = """# What the real plugins say of the templates

Written by `python -m compose.plugins.validate`, which has Kafka Connect 4.3.0 with all eight plugins check the rendered
`source.yaml` of each folder. `refused` are settings with which a plugin found fault; behind it stands how far it came.
The servers of the templates are not there: nothing below was run against a SQL Server, Oracle, Db2, Informix or IBM i.

| kind | plugin | settings | refused | then |
|---|---|---|---|---|"""


def _verdict(client: httpx.Client, bootstrap: str, kind: str) -> Verdict:
    file = read_source(TEMPLATES / kind / "source.yaml", (*KINDS, *UNLANDED))
    raise_faults([file])
    if file.source is None:
        raise ValueError(kind)
    config = render(file.source, _Brokers(bootstrap, KafkaSecurity()), {})
    refused = set(_refused(client, {**config, WRONG: "wrong"}))
    if refused == {_HOST}:
        return Verdict(kind, len(config), (), _AT_ONCE)
    if WRONG not in refused:
        return Verdict(kind, len(config), tuple(sorted(refused)), f"{WRONG} may be anything")
    return Verdict(kind, len(config), tuple(sorted(refused - {WRONG})), _then(client, config))


def _then(client: httpx.Client, config: Mapping[str, str]) -> str:
    refused = list(_refused(client, config))
    return _REACHED if refused == [_HOST] else f"stopped at {', '.join(refused)}"


def _refused(client: httpx.Client, config: Mapping[str, str]) -> Iterator[str]:
    plugin = config["connector.class"].rpartition(".")[2]
    response = client.put(f"/connector-plugins/{plugin}/config/validate", json=dict(config))
    answer = response.json()
    if response.is_error:
        is_connection = _NO_CONNECTION in answer["message"]
        yield _HOST if is_connection else answer["message"][:_SHOWN]
        return
    fields = (entry["value"] for entry in answer["configs"] if entry["value"])
    yield from (field["name"] for field in fields if field["errors"])


def main() -> None:
    """Start broker and worker, ask, write."""
    env = environment()
    fetch(OTHERS)
    with eight_plugins(Path(env["CDC_LOCAL"]) / "plugins", env, OTHERS) as url:
        RECORD.write_text(record(verdicts(url, env["CDC_KAFKA"])), encoding="utf-8")
    print(RECORD)


if __name__ == "__main__":
    main()
