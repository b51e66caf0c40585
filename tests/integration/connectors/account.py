"""Accounts of a test's own on the source servers."""

from __future__ import annotations

from compose.local.stack import Stack
from tests.integration.shapes.side import Side


def drop_account(stack: Stack, account: str) -> None:
    """Take an account away on both servers, if it is there; the databases in which it has rights are gone already."""
    Side("mes", "postgresql", (), stack.env).run(f"DROP ROLE IF EXISTS {account}")
    Side("mysql", "mariadb", (), stack.env).run(f"DROP USER IF EXISTS {account}@'%'")
