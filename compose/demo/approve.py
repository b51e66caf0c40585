"""The demo's two people: each has a key of his own under `.local/approval`, and signs the dictionary as it is now.

`python -m compose.demo.approve` does it by itself; what is signed already is not signed again. The key by which the
service signs the heads that it publishes is made with theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from compose.demo import process
from compose.demo.state import State
from compose.local.env import environment

# Signer, who is also the role, and what the signature means. compose/cdc.yaml trusts the same two.
_PEOPLE = {"author": "authorship", "approver": "approval"}
_ANCHORS = "anchors"


def approve(env: Mapping[str, str]) -> None:
    """Make the keys that are missing and the signatures that are missing. Raises StackError."""
    folder = Path(env["CDC_LOCAL"]) / "approval"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (*_PEOPLE, _ANCHORS):
        if not (folder / name).exists():
            process.run_cdc(env, "dictionary", "keygen", str(folder / name))
    State.of(env).folder.mkdir(parents=True, exist_ok=True)  # of the file of anchors, which nobody else makes
    found = json.loads(process.run_cdc(env, "dictionary", "verify", "--json", accept=(0, 4)))
    signed = {one["signer"] for one in found["signatures"] if one["fault"] is None}
    for person, meaning in _PEOPLE.items():
        if person not in signed:
            key = str(folder / person)
            process.run_cdc(env, "dictionary", "sign", "--key", key, "--signer", person, "--meaning", meaning)


if __name__ == "__main__":
    approve(environment())
