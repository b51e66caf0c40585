"""The demo's own folder: the simulator's log, the probe's results, and how the last run on the present data ended.

A run that ended with a clean comparison leaves data, log and positions that agree, and the next run goes on with them.
After anything else (a crash, Ctrl-C, mismatches) nobody knows whether the log's last line is the last commit, or the
difference would only be found again: the next run begins anew.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class State:
    """Where the demo keeps what it has to remember."""

    local: Path

    @classmethod
    def of(cls, env: Mapping[str, str]) -> State:
        """Return the state of a stack."""
        return cls(Path(env["CDC_LOCAL"]))

    @property
    def folder(self) -> Path:
        """The folder."""
        return self.local / "demo"

    @property
    def log(self) -> Path:
        """The simulator's log of all runs on the present data."""
        return self.folder / "simulator.jsonl"

    @property
    def freshness(self) -> Path:
        """The probe's results of the last run."""
        return self.folder / "freshness.jsonl"

    @property
    def anchors(self) -> Path:
        """The heads that the service has published (compose/cdc.yaml); they go with the data that they are of."""
        return self.folder / "anchors.jsonl"

    @property
    def has_data(self) -> bool:
        """Tell whether any database was ever made here."""
        return any((self.local / "data" / name).exists() for name in ("kafka", "erp", "mes", "target"))

    def runs(self) -> int:
        """Return how many runs the present data has come through; 0 if it cannot be gone on with."""
        try:
            state = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return 0
        return int(state["runs"]) if state["result"] == "clean" and self.log.exists() and self.has_data else 0

    def write(self, result: str, runs: int) -> None:
        """Remember how it stands: `running`, `clean` or `different`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps({"result": result, "runs": runs}))
        partial.replace(self._file)

    def forget(self) -> None:
        """Remove all data of the stack, which must not be running, and all that is remembered of it."""
        shutil.rmtree(self.local / "data", ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _file(self) -> Path:
        return self.folder / "state.json"
