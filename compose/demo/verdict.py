"""Did all hold that has to hold? The reasons why not, and the one JSON object at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from compose.compare.ledger import FATES
from compose.compare.result import Result
from compose.demo.freshness import Freshness
from compose.demo.kill import Kill

MIN_PROBES = 500
# With so many kills, half of them have to hit an open transaction; two may both miss by chance.
MANY_KILLS = 10
# Median of mirrors, median and 99th percentile of canonical rows.
AIM_MS = (50, 65, 150)


@dataclass(frozen=True, slots=True)
class ChaosRecord:
    """What went wrong in a chaotic run: the faults that were committed, in order, and how often a worker was fenced."""

    seed: int
    planned: int
    done: list[str]
    fenced: int


@dataclass(slots=True)
class Outcome:
    """Everything that a run has found out."""

    comparison: Result
    freshness: Freshness
    actions: Mapping[str, int]
    missing_actions: list[str]
    kills: list[Kill]
    planned_kills: int
    holds: int
    releases: int
    pss_by_minute_mib: list[float]
    seconds: float
    start_seconds: float
    drain_seconds: float
    transactions: int
    rate: float
    faults: list[str] = field(default_factory=list)
    chaos: ChaosRecord | None = None

    @property
    def hits(self) -> int:
        """How many kills hit an open transaction of the target."""
        return sum(kill.hit for kill in self.kills)

    def freshness_line(self) -> str:
        """Return what the probe found in quiet windows, beside what is aimed at. No verdict: machines differ."""
        found = self.freshness
        ages = (found.mirror_p50_ms, found.p50_ms, found.p99_ms)
        met = all(age is not None and age <= aim for age, aim in zip(ages, AIM_MS, strict=True))
        mirror, p50, p99 = AIM_MS
        return (
            f"freshness   mirrors p50 {_ms(ages[0])}, canonical p50 {_ms(ages[1])}, p99 {_ms(ages[2])} in quiet windows"
            f" ({found.probes} probes, {found.late_polls} of {found.polls} polls late);"
            f" aimed at: {mirror}, {p50} and {p99} ms at 50 transactions/s{'' if met else ' - NOT MET in this run'}"
        )

    def failures(self) -> list[str]:
        """Return what does not hold, in words; empty: the run passed."""
        ledger = self.comparison.ledger
        checks = (
            (not self.comparison.clean, f"the comparison found {self.comparison.mismatches} mismatches"),
            (
                ledger.get("captured", 0) != sum(ledger.get(fate, 0) for fate in FATES),
                "the fates in the ledger do not add up to the records captured",
            ),
            (bool(self.missing_actions), f"the simulator never did: {', '.join(self.missing_actions)}"),
            (self.holds == 0, "no row was seen to become held"),
            (self.releases == 0, "no held row was seen to be released"),
            (
                self.chaos is None and self.freshness.probes < MIN_PROBES,
                f"{self.freshness.probes} probes in quiet windows are fewer than {MIN_PROBES}:"
                " a longer run or a higher rate has more",
            ),
            (
                self.planned_kills >= MANY_KILLS and self.hits < self.planned_kills // 2,
                f"only {self.hits} of {self.planned_kills} kills hit an open transaction",
            ),
            (len(self.kills) < self.planned_kills, f"only {len(self.kills)} of {self.planned_kills} kills were done"),
            (
                self.chaos is not None and 2 * len(self.chaos.done) < self.chaos.planned,
                "fewer than half of the planned faults were committed: a longer run has time for more",
            ),
        )
        return [*self.faults, *(reason for failed, reason in checks if failed)]

    def to_json(self) -> str:
        """Return the last line of the demo's output."""
        ledger, freshness = self.comparison.ledger, self.freshness
        failures = self.failures()
        document = {
            "result": "failed" if failures else "passed",
            **{name: ledger.get(name, 0) for name in ("captured", *FATES)},
            "mirror_rows": self.comparison.mirror_rows,
            "canonical_rows": self.comparison.canonical_rows,
            "held": self.comparison.held,
            "compared_rows": self.comparison.compared_rows,
            "mismatches": self.comparison.mismatches,
            "p50_ms": freshness.p50_ms,
            "p99_ms": freshness.p99_ms,
            "probes": freshness.probes,
            "mirror_p50_ms": freshness.mirror_p50_ms,
            "mirror_p99_ms": freshness.mirror_p99_ms,
            "mirror_probes": freshness.mirror_probes,
            "worker_pss_mib": max(self.pss_by_minute_mib, default=0.0),
            "seconds": self.seconds,
            "worker_pss_by_minute_mib": self.pss_by_minute_mib,
            "run_p50_ms": freshness.all_p50_ms,
            "run_p99_ms": freshness.all_p99_ms,
            "run_probes": freshness.all_probes,
            "run_never_seen": freshness.never_seen,
            "polls": freshness.polls,
            "polls_late": freshness.late_polls,
            "transactions": self.transactions,
            "transactions_per_s": self.rate,
            "holds_seen": self.holds,
            "releases_seen": self.releases,
            "tombstones": self.comparison.tombstones,
            "held_codes": self.comparison.held_codes,
            "kills": len(self.kills),
            "kills_in_transaction": self.hits,
            "chaos": None if self.chaos is None else asdict(self.chaos),
            "start_seconds": self.start_seconds,
            "drain_seconds": self.drain_seconds,
            "actions": dict(sorted(self.actions.items())),
            "failures": failures,
        }
        return json.dumps(document, ensure_ascii=False)


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f} ms"
