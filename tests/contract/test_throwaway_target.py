from __future__ import annotations

import psycopg


def test_throwaway_target_is_owned_by_the_service_role(module_dsn: str) -> None:
    with psycopg.connect(module_dsn) as connection:
        connection.execute("CREATE TABLE owned (id int)")
        row = connection.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == ("cdc", False)
