"""What becomes of a source column in its mirror: its value (clear), a token in its place, or nothing.

The connector file says it, by table: `tokens: {COLUMN: DOMAIN}` for tokens, `without: [COLUMN]` for what is absent. In
a contract a column of tokens is a text whose decoder is `token:DOMAIN`, so that whoever reads an event by the contract
makes the token; the value itself is written to no mirror. Whatever notes the key of a row notes the token where the
column is of the key: the records of the stream alone have the value.

InnoDB's cascades find the rows of a child by values as InnoDB compares them, which tokens do not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.keyless import ORIGIN
from cdc.capture.source import Source
from cdc.capture.types import TOKEN
from cdc.errors import FatalError

Policy = Mapping[str, Mapping[str, str]]
"""By mirror (`schema.table`) the columns that are tokens, each with the name of its key."""
NOT_IN_FORCE: Final = "TGT-118"


def policy_of(source: Source) -> Policy:
    """Return what a connector file says."""
    return {f"{source.name}.{table.name}": dict(table.tokens) for table in source.tables if table.tokens}


def as_tokens(contract: Contract, policy: Policy) -> Contract:
    """Return a contract with its columns of tokens. Raises FatalError SRC-130 for one that can be none."""
    wanted = policy.get(contract.mirror, {})
    known = {column.name: column for column in contract.columns}
    faults = [f"there is no column {name}" for name in wanted if name not in known]
    faults += [
        f"{name} is the service's own" for name in wanted if name in contract.key and contract.key_origin == ORIGIN
    ]
    referring = {name for each in contract.cascades for name in each.columns}
    faults += [f"rows go with those of another table by {name}" for name in wanted if name in referring]
    faults += [f"{name} is no text" for name in wanted if name in known and known[name].decoder != "text"]
    if faults:
        raise FatalError("SRC-130", f"{contract.mirror}: {', '.join(faults)}")
    columns = tuple(
        _token(column, wanted[column.name]) if column.name in wanted else column for column in contract.columns
    )
    return replace(contract, columns=columns)


def _token(column: ColumnContract, key: str) -> ColumnContract:
    """Return a text column as one of tokens. A default would be a value in clear: nobody can tell that one."""
    computed = column.computed_default or column.default is not None
    return replace(column, mirror_type="text", decoder=f"{TOKEN}{key}", default=None, computed_default=computed)


def is_token(column: ColumnContract) -> bool:
    """Tell whether tokens stand for the values of a column."""
    return column.decoder.startswith(TOKEN)


def require_policy(contracts: Iterable[Contract], policy: Policy) -> None:
    """Hold that contracts say of each column what the connector file says.

    Raises FatalError TGT-118, SRC-130 where rows of another table would go with a column of tokens.
    """
    contracts = list(contracts)
    for contract in contracts:
        said = {one.name: one.decoder[len(TOKEN) :] for one in contract.columns if is_token(one)}
        wanted = policy.get(contract.mirror, {})
        differ = sorted(name for name in {*said, *wanted} if said.get(name) != wanted.get(name))
        if differ:
            raise FatalError(NOT_IN_FORCE, f"{contract.mirror}: {', '.join(differ)}")
    kept = {contract.source_table: {*policy.get(contract.mirror, ())} for contract in contracts}
    for child in contracts:
        for each in child.cascades:
            for name in kept.get(each.parent, set()) & {*each.parent_columns}:
                raise FatalError("SRC-130", f"{each.parent}: rows of {child.mirror} go with those of it by {name}")
