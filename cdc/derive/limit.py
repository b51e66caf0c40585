"""How many rows a domain may hold with one code: above that it stops, instead of emptying its tables row by row.

So many rows of one code are no bad rows but a bad dictionary, or a source that means something else by a column now.
The turn that would hold them is not kept: canonical rows stay as they were, and a person decides. A turn that holds no
more than were held before passes, so that a domain that stands above the limit can heal.

The target keeps the counts (a trigger of `cdc.held`): to count a million rows takes longer than all else in a turn.
"""

from __future__ import annotations

from cdc.derive.names import literals
from cdc.derive.plan import Plan
from cdc.derive.session import Work
from cdc.errors import FatalError

NO_LIMIT = 0


def counts_of(plan: Plan) -> str:
    """Return the expression for how many rows of a domain are held, by code; of what nobody reads yet, for none."""
    names = literals(() if plan.side else plan.names)
    counted = f"SELECT code, sum(rows) AS rows FROM cdc.held_count WHERE mapping = ANY ({names}) GROUP BY code"
    return f"(SELECT coalesce(jsonb_object_agg(code, rows), '{{}}') FROM ({counted}) h)"


def require_room(work: Work, limit: int) -> None:
    """Raise FatalError DRV-130 if the turn, all of it written, holds more rows with one code than it may."""
    if not limit or work.plan.side:
        return
    row = work.run(f"SELECT {counts_of(work.plan)}".encode()).fetchone()
    for code, rows in sorted((row[0] if row else {}).items()):
        before = work.window.held.get(code, 0)
        if rows > limit and rows > before:
            place = _most_of(work, code)
            work.connection.execute("ROLLBACK")
            raise FatalError(
                "DRV-130",
                f"domain {work.plan.name}: {code} would hold {rows} rows, {limit} at most (derive.held_limit), {before}"
                f" before; most of them {place}",
            )


def _most_of(work: Work, code: str) -> str:
    """Return where most rows with a code are held: by which mapping and field."""
    found = work.connection.execute(
        "SELECT concat_ws(' ', mapping, field), count(*) FROM cdc.held WHERE code = %s AND mapping = ANY (%s)"
        " GROUP BY mapping, field ORDER BY 2 DESC, 1 LIMIT 1",
        (code, list(work.plan.names)),
    ).fetchone()
    return str(found[0]) if found else ""
