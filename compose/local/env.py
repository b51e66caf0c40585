"""The environment of a stack: every CDC_* variable that committed settings refer to, in one place.

Folders and ports may be overridden from outside; everything else is derived from them, so that a stale export of a
derived value cannot point at another stack. The passwords are fixed on purpose: the databases hold made-up rows and
listen on loopback only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

REPO: Final = Path(__file__).resolve().parents[2]

PORTS: Final = {
    "CDC_PORT_KAFKA": 19092,
    "CDC_PORT_CONTROLLER": 19093,
    "CDC_PORT_CONNECT": 18083,
    "CDC_PORT_ERP": 13306,
    "CDC_PORT_MES": 15432,
    "CDC_PORT_TARGET": 15433,
    "CDC_PORT_LAND": 19401,
    "CDC_PORT_DERIVE": 19402,
    "CDC_PORT_WATCH": 19403,
}

_ACCOUNTS: Final = {
    "CDC_ERP_DATABASE": "erp",
    "CDC_ERP_USER": "cdc_capture",
    "CDC_ERP_PASSWORD": "capture-erp",
    "CDC_ERP_ADMIN_USER": "app_owner",
    "CDC_ERP_ADMIN_PASSWORD": "owner-erp",
    "CDC_ERP_DBA_USER": "root",
    "CDC_ERP_DBA_PASSWORD": "dba-erp",
    "CDC_MES_DATABASE": "mes",
    "CDC_MES_USER": "cdc_capture",
    "CDC_MES_PASSWORD": "capture-mes",
    "CDC_MES_ADMIN_USER": "app_owner",
    "CDC_MES_ADMIN_PASSWORD": "owner-mes",
    "CDC_MES_DBA_USER": "postgres",
    "CDC_MES_DBA_PASSWORD": "dba-mes",
    "CDC_TARGET_DATABASE": "cdc",
    "CDC_TARGET_USER": "cdc",
    "CDC_TARGET_PASSWORD": "cdc-target",
    "CDC_TARGET_ADMIN_USER": "postgres",
    "CDC_PROTECTION_KEY": "local-stack-master-key-that-protects-nothing",
    "CDC_TARGET_ADMIN_PASSWORD": "dba-target",
}


def environment(overrides: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return all CDC_* variables of one stack.

    `overrides` may set CDC_LOCAL (data, logs, pid records), CDC_JARS and CDC_MYSQL (shared by the stacks of
    one clone; the latter is there only where tests have fetched it), CDC_CONFIG
    and any CDC_PORT_*; the rest of it is ignored.
    """
    local = Path(overrides.get("CDC_LOCAL") or REPO / ".local").absolute()
    jars = Path(overrides.get("CDC_JARS") or REPO / ".local" / "jars").absolute()
    mysql = Path(overrides.get("CDC_MYSQL") or REPO / ".local" / "mysql").absolute()
    env = {"CDC_LOCAL": str(local), "CDC_JARS": str(jars), "CDC_MYSQL": str(mysql)}
    env["CDC_CONFIG"] = overrides.get("CDC_CONFIG") or str(REPO / "compose" / "cdc.yaml")
    for name, default in PORTS.items():
        env[name] = overrides.get(name) or str(default)
    env["CDC_KAFKA"] = f"127.0.0.1:{env['CDC_PORT_KAFKA']}"
    env["CDC_CONNECT_URL"] = f"http://127.0.0.1:{env['CDC_PORT_CONNECT']}"
    env["CDC_OBSERVE_HOST"] = "127.0.0.1"
    for database in ("ERP", "MES", "TARGET"):
        env[f"CDC_{database}_HOST"] = "127.0.0.1"
        env[f"CDC_{database}_PORT"] = env[f"CDC_PORT_{database}"]
    return env | _ACCOUNTS


def ports_from(base: int) -> dict[str, str]:
    """Return one value for every CDC_PORT_* in the thousand that starts at `base` (29000: 29092, 29083, 29432, ...)."""
    return {name: str(base + default % 1000) for name, default in PORTS.items()}


def process_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a child process: ours without foreign CDC_* variables, and those of this stack."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CDC_")}
    return kept | dict(env)
