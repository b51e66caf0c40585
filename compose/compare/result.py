"""What a comparison found: how much it looked at, and where the two sides differ."""

from __future__ import annotations

from dataclasses import dataclass, field

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference. `place` names table, key and column, never the values of a row."""

    kind: str
    place: str


@dataclass(slots=True)
class Result:
    """Counts, and the first mismatches of all."""

    mirror_rows: int = 0
    canonical_rows: int = 0
    tombstones: int = 0
    held: int = 0
    compared_rows: int = 0
    mismatches: int = 0
    first: list[Mismatch] = field(default_factory=list)
    by_kind: dict[str, int] = field(default_factory=dict)
    held_codes: dict[str, int] = field(default_factory=dict)
    ledger: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Tell whether both sides say the same."""
        return self.mismatches == 0

    def differ(self, kind: str, place: str) -> None:
        """Count a mismatch."""
        self.mismatches += 1
        self.by_kind[kind] = self.by_kind.get(kind, 0) + 1
        if len(self.first) < SHOWN:
            self.first.append(Mismatch(kind, place))

    def summary(self) -> str:
        """Return the result as lines to read."""
        ledger = " + ".join(f"{count} {name}" for name, count in self.ledger.items() if name != "captured")
        codes = ", ".join(f"{code} {count}" for code, count in sorted(self.held_codes.items()))
        lines = [
            f"mirrors     {self.mirror_rows} rows",
            f"canonical   {self.canonical_rows} rows, {self.tombstones} of them tombstones",
            f"held        {self.held} rows ({codes or 'none'})",
            f"streams     {self.ledger.get('captured', 0)} records = {ledger}",
            f"compared    {self.compared_rows} rows, {self.mismatches} mismatches",
        ]
        lines += [f"  {mismatch.kind}: {mismatch.place}" for mismatch in self.first]
        if self.mismatches > len(self.first):
            lines.append(f"  and {self.mismatches - len(self.first)} more")
        return "\n".join(lines)
