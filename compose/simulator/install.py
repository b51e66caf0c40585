"""Sets both applications up: schema and start state as their owner, then the DBA's script as the DBA. Idempotent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from compose.simulator.database import ERRORS, Database, MariaDb, PostgreSql, write_all
from compose.simulator.error import SimulatorError
from compose.simulator.schema import DBA_FILES, SCHEMA_FILES
from compose.simulator.seed import Seed, seed

# Seeded rows are there with the last commit of an installation: a table of each that is never empty afterwards.
_SENTINELS = {"erp": "t_ICItem", "mes": "mes_wo"}


def install(env: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Install what is missing on both sides. Raises SimulatorError."""
    made = seed()
    for source, connect in (("erp", MariaDb), ("mes", PostgreSql)):
        database: Database = connect(env)
        dba: Database = connect(env, "DBA")
        try:
            if _is_installed(database, env, source):
                say(f"{source}: is there")
            else:
                _create(database, source)
                rows = _fill(database, made, source)
                say(f"{source}: made, {rows} rows")
            _run_dba_script(dba, source, env)
        except ERRORS as error:
            raise SimulatorError(f"The {source.upper()} could not be installed: {error}") from error
        finally:
            database.close()
            dba.close()


def _is_installed(database: Database, env: Mapping[str, str], source: str) -> bool:
    table = _SENTINELS[source]
    schema = env["CDC_ERP_DATABASE"] if source == "erp" else "public"
    counted = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{}' AND table_name = '{}'"
    (tables,) = database.fetch(counted.format(schema, table))
    return bool(tables) and bool(database.fetch(f"SELECT COUNT(*) FROM {table}")[0])


def _create(database: Database, source: str) -> None:
    """Create the tables. MariaDB commits each on its own: what a killed installation left is dropped first."""
    script = statements(SCHEMA_FILES[source].read_text(encoding="utf-8"))
    for statement in script:
        if source == "erp" and statement.startswith("CREATE TABLE"):
            database.execute(f"DROP TABLE IF EXISTS {statement.split()[2]}")
        database.execute(statement)


def _fill(database: Database, made: Seed, source: str) -> int:
    rows = 0
    for transaction in made.of(source):
        write_all(database, transaction)
        rows += transaction.row_count
    database.commit()
    return rows


def _run_dba_script(dba: Database, source: str, env: Mapping[str, str]) -> None:
    script = DBA_FILES[source].read_text(encoding="utf-8")
    password = env[f"CDC_{source.upper()}_PASSWORD"]
    if source == "erp":
        dba.execute("SET @capture_password = %s", (password,))
        for statement in statements(script):
            dba.execute(statement)
    else:
        dba.execute("SELECT set_config('capture.password', %s, false)", (password,))
        dba.execute(script)  # whole: a DO block has semicolons of its own
    dba.commit()


def statements(script: str) -> list[str]:
    """Return the statements of a script without line comments; none of them may hold a semicolon."""
    lines = (line for line in script.splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]
