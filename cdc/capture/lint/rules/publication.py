"""L04: who makes PostgreSQL's publication."""

from __future__ import annotations

from cdc.capture.lint.demand import demanded
from cdc.capture.lint.rule import Rule

RULES = (
    Rule(
        "L04",
        "connector makes the publication",
        "By default the connector publishes all tables of the database: it takes more rights than the account should "
        "have, and every table without a key refuses the application's UPDATE and DELETE from then on.",
        "Leave the setting out: the DBA's script makes the publication, with the captured tables and no others.",
        demanded({"publication.autocreate.mode": ("disabled", "filtered")}),
    ),
)
