"""The journal walked again at the end, against every head that was published while the workers were being killed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from compose.demo import process
from compose.demo.state import State

_TOPIC = "cdc-anchors"  # as compose/cdc.yaml has it


def verify(env: Mapping[str, str], state: State) -> str:
    """Return what was found, in a line. Raises StackError if a chain or an anchor does not hold, or there is none."""
    key = Path(env["CDC_LOCAL"]) / "approval" / "anchors.pub"
    places = ("--anchor", str(state.anchors), "--topic", _TOPIC, "--key", str(key))
    found = json.loads(process.run_cdc(env, "audit", "verify", *places, "--json"))["streams"]
    records = sum(stream["records"] for stream in found)
    heads = sum(stream["anchors"] for stream in found)
    return f"chains      {len(found)} hold, {records} records, {heads} published heads met"
