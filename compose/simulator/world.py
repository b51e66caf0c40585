"""What both applications know: all rows as they stand after the transactions planned so far, and what is to come.

A plan never looks into a database. It draws from pools of rows that are ready for something; a row is in a pool only as
long as it and all that it stands on are sound and old enough to have arrived everywhere. `hidden` names canonical
rows that cannot be there at the moment (held, withdrawn, renamed), so that nothing which needs them is announced as
visible at once.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Final

from compose.simulator.pool import Pool
from compose.simulator.schema import Table, read_tables
from compose.simulator.transaction import Insert, Statement, Transaction
from compose.simulator.value import Key, Row, Value, clean

CHINA: Final = timezone(timedelta(hours=8))
_OPENING: Final = datetime(2026, 3, 2, 8, 0, 0)  # noqa: DTZ001 (the ERP stores the plant's local time)

Canonical = tuple[str, Key]
Deed = Callable[["World"], Transaction | None]


class World:
    """The state of both applications."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.tables: dict[str, Table] = read_tables()
        self.rows: dict[str, dict[Key, Row]] = {mirror: {} for mirror in self.tables}
        self.pools: defaultdict[str, Pool] = defaultdict(Pool)
        self.hidden: Counter[Canonical] = Counter()
        self.bad: dict[tuple[str, Key], str] = {}
        self.step = 0
        self.now = _OPENING
        self.numbers: Counter[str] = Counter()
        self.codes: dict[str, Key] = {}  # materials by code, as the MES names them
        self.work_orders: dict[str, Key] = {}  # by number
        self._agenda: list[tuple[int, int, Deed]] = []

    # --- time and chance ---

    def tick(self) -> None:
        """Let some time pass between two transactions."""
        self.step += 1
        self.now += timedelta(seconds=self.rng.randint(3, 40))

    @property
    def instant(self) -> datetime:
        """The moment as the MES stores it."""
        return self.now.replace(tzinfo=CHINA)

    @property
    def midnight(self) -> datetime:
        """The ERP's dates have no time of day."""
        return self.now.replace(hour=0, minute=0, second=0)

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return self.rng.random() < probability

    def number(self, what: str) -> int:
        """Return the next number of a series."""
        self.numbers[what] += 1
        return self.numbers[what]

    def amount(self, low: int, high: int, scale: int = 0) -> Decimal:
        """Return a random number with `scale` decimals between two whole numbers."""
        return Decimal(self.rng.randint(low * 10**scale, high * 10**scale)).scaleb(-scale)

    # --- what is to come ---

    def later(self, steps: int, deed: Deed) -> None:
        """Do something `steps` transactions from now; a deed without a transaction only changes what is known."""
        heapq.heappush(self._agenda, (self.step + steps, self.number("agenda"), deed))

    def due(self) -> Deed | None:
        """Return the next deed whose time has come."""
        if self._agenda and self._agenda[0][0] <= self.step:
            return heapq.heappop(self._agenda)[2]
        return None

    def settle(self, pool: str, key: Key, steps: int = 150) -> None:
        """Put a key into a pool once the row has had time to arrive everywhere."""

        def put(world: World) -> None:
            world.pools[pool].add(key)

        self.later(steps, put)

    # --- rows ---

    def row(self, mirror: str, *key: Value) -> Row:
        """Return a row."""
        return self.rows[mirror][key]

    def insert(self, transaction: Transaction, mirror: str, **values: Value) -> Key:
        """Insert a row; return its key."""
        table = self.tables[mirror]
        row = table.complete(values)
        key = table.key_of(row)
        if not transaction.rolls_back:
            if key in self.rows[mirror]:
                raise KeyError(f"{mirror} {key} is there")
            self.rows[mirror][key] = row
        transaction.insert(table, row)
        return key

    def update(self, transaction: Transaction, mirror: str, key: Key, **changes: Value) -> Key:
        """Change a row; return its key, which may be a new one."""
        table, rows = self.tables[mirror], self.rows[mirror]
        before = rows[key]
        after = before | changes
        new_key = table.key_of(after)
        transaction.update(table, before, changes)
        if not transaction.rolls_back:
            del rows[key]
            if new_key in rows:
                raise KeyError(f"{mirror} {new_key} is there")
            rows[new_key] = after
        return new_key

    def delete(self, transaction: Transaction, mirror: str, key: Key) -> Row:
        """Remove a row; return it."""
        row = self.rows[mirror].pop(key) if not transaction.rolls_back else self.rows[mirror][key]
        transaction.delete(self.tables[mirror], row)
        return row

    def amend(self, transaction: Transaction, mirror: str, key: Key, **changes: Value) -> None:
        """Change a row: within its insert where this very transaction inserts it, else by an update."""
        row = self.rows[mirror][key]
        inserts = (write for write in transaction.writes if isinstance(write, Insert))
        if any(inserted is row for insert in inserts for inserted in insert.rows):
            row.update(changes)
        else:
            self.update(transaction, mirror, key, **changes)

    def bulk(self, transaction: Transaction, statement: Statement, mirror: str, rows: int) -> None:
        """Add a statement whose rows are not known one by one."""
        transaction.writes.append(statement)
        transaction.bulk[mirror] += rows

    # --- what the log says ---

    def probe(self, transaction: Transaction, table: str, *key: Value) -> None:
        """Announce a canonical row that becomes visible at once."""
        transaction.probe.append((f"trace.{table}", [None if part is None else clean(part) for part in key]))

    def spoil(self, transaction: Transaction, mirror: str, key: Key, code: str) -> None:
        """Note that a row is wrong on purpose."""
        self.bad[mirror, key] = code
        transaction.bad.append((mirror, self.tables[mirror].key_text(key), code))

    def heal(self, transaction: Transaction, mirror: str, key: Key) -> None:
        """Note that a row is right again, or gone without a trace."""
        del self.bad[mirror, key]
        transaction.healed.append((mirror, self.tables[mirror].key_text(key)))

    # --- canonical rows that cannot be there ---

    def hide(self, *canonical: Canonical) -> None:
        """Note that canonical rows are not there, for one reason more."""
        self.hidden.update(canonical)

    def show(self, *canonical: Canonical) -> None:
        """Take a reason back."""
        self.hidden.subtract(canonical)

    def visible(self, canonical: Iterable[Canonical]) -> bool:
        """Tell whether nothing is known that keeps any of them away."""
        return not any(self.hidden[row] > 0 for row in canonical)
