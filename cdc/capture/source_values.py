"""Single values of a connector file: connection, encryption, settings; and where its faults are collected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from cdc.capture import tunable
from cdc.capture.encryption import ENTRIES, MODES, Encryption, default_for, read_encryption, written_out
from cdc.document import Document, Entry, Fault
from cdc.reference import is_reference

# The rules of `cdc connectors lint` that reading itself applies.
SECRET_RULE = "L01"  # noqa: S105 - no password, its name
PINNED_RULE = "L15"
UNTOLD: Final = "${env:UNKNOWN}"
"""In place of what is missing, wrong or secret, in a file that is only checked."""


@dataclass(slots=True)
class Faults:
    """What is wrong with a document. `is_whole` says that nothing is left out of what it describes but settings."""

    document: Document
    listed: list[Fault] = field(default_factory=list)
    is_whole: bool = True

    def __post_init__(self) -> None:
        self.listed += self.document.faults
        self.is_whole = not self.listed

    def fault(self, place: Entry, what: str) -> None:
        """Note what is wrong, and is left out therefore."""
        self.flag(place, what)
        self.is_whole = False

    def flag(self, place: Entry, what: str, rule: str = "") -> None:
        """Note what is wrong with a setting, or with a value in whose place another one can stand."""
        self.listed.append(self.document.fault(place, what, rule))


def read_value(faults: Faults, key: str, value: Any) -> str:
    """Return one of the connection's values; a secret that is written out is not returned."""
    if not isinstance(value, (str, int)) or isinstance(value, bool) or not str(value).strip():
        faults.fault((key,), f"{key} is not a single value")
    elif key == "password" and not is_reference(str(value)):
        faults.flag((key,), "password is written out: write a reference such as ${env:NAME}", SECRET_RULE)
        return UNTOLD
    elif key != "password" and tunable.holds_login(str(value)):
        faults.flag((key,), f"{key} holds a login that is written out", SECRET_RULE)
        return UNTOLD
    elif key == "port" and not (is_reference(str(value)) or _is_port(str(value))):
        faults.fault((key,), "port is not a port")
    return str(value)


def read_tls(faults: Faults, group: Any, kind: str, host: str) -> Encryption | None:
    """Return what the group says, None without one; passwords that are written out are not in it."""
    if not _are_tls_entries(faults, group):
        return None
    secrets = written_out(group or {})
    for key in secrets:
        faults.flag(("tls", key), f"tls.{key} is written out: write a reference such as ${{env:NAME}}", SECRET_RULE)
    entries = {key: UNTOLD if key in secrets else value for key, value in (group or {}).items()}
    tls = default_for(host) if group is None else read_encryption(entries)
    for key, what in tls.faults(kind):
        faults.fault(("tls", key), f"tls.{key} {what}")
    return None if group is None else tls


def _are_tls_entries(faults: Faults, group: Any) -> bool:
    known = len(faults.listed)
    if group is not None and not isinstance(group, dict):
        faults.fault(("tls",), "tls is not a group of entries")
    for key, value in (group if isinstance(group, dict) else {}).items():
        if key not in ENTRIES:
            faults.fault(("tls", key), f"{key} is not an entry of tls{near(key, ENTRIES)}")
        elif not isinstance(value, str) or not value:
            faults.fault(("tls", key), f"{key} is not a single value")
        elif key == "mode" and value not in MODES:
            faults.fault(("tls", key), f"mode is none of {', '.join(MODES)}")
    return len(faults.listed) == known


def read_settings(faults: Faults, settings: Any, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the settings that a source may have, as Kafka Connect takes them."""
    if not isinstance(settings, dict):
        faults.fault(("settings",), "settings is not a group of entries")
        return
    for key, value in settings.items():
        place = ("settings", key)
        if isinstance(value, (dict, list)) or value is None:
            faults.flag(place, f"{key} is not a single value")
        elif tunable.is_secret(key) and not is_reference(str(value)):
            faults.flag(place, f"{key} is written out: write a reference such as ${{env:NAME}}", SECRET_RULE)
        elif tunable.holds_login(str(value)):
            faults.flag(place, f"{key} holds a login that is written out", SECRET_RULE)
        elif not tunable.may_differ(key, kind):
            faults.flag(place, f"{key} is not a setting that a source may change", PINNED_RULE)
        elif fault := tunable.fault_of(key, str(value)):
            faults.flag(place, fault)
        else:
            yield key, str(value).lower() if isinstance(value, bool) else str(value)


def near(key: str, known: Sequence[str]) -> str:
    """Return what to say of the known word that was probably meant; empty if none is near."""
    found = get_close_matches(key, known, n=1, cutoff=0.75)
    return f"; probably {found[0]}" if found else ""


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535
