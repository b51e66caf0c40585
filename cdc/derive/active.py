"""Which dictionary is in force. The target says so; the files that the settings name are what somebody proposes.

The first dictionary is put in force by the worker that starts first. From then on only an activation puts another one
in its place (`cdc.activate`), and workers derive by what the target has kept of it, whatever their files say.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from cdc.approval import require_approved, signature_folder, signature_texts
from cdc.config import Settings
from cdc.errors import FatalError
from transforms.errors import DictionaryError
from transforms.load import load, load_content
from transforms.model import Dictionary

Rows = psycopg.Connection[Any]


def read_dictionary(settings: Settings) -> Dictionary:
    """Load the dictionary that the settings name, with the keys of its tokens.

    Raises DRV-106 with all of its faults, DRV-108 without approval, CFG-101 where a key is missing.
    """
    dictionary = _loaded(settings.folders.dictionary, settings)
    require_approved(settings, dictionary)
    return dictionary


def active_digest(connection: Rows) -> str | None:
    """Return the digest of the dictionary in force, None before the first one."""
    row = connection.execute("SELECT digest FROM cdc.active").fetchone()
    return None if row is None else str(row[0])


def stands_beside(connection: Rows) -> bool:
    """Tell whether tables of another version are there: one that is being activated, or the one of before."""
    return connection.execute("SELECT FROM cdc_shadow.activation").rowcount > 0


def dictionary_in_force(connection: Rows, settings: Settings) -> Dictionary:
    """Return the dictionary in force, else that of the files. Raises DRV-106, DRV-108, DRV-111, DRV-117."""
    digest = active_digest(connection)
    return read_dictionary(settings) if digest is None else recorded(connection, settings, digest)


def in_force_or(connection: Rows, dictionary: Dictionary) -> Dictionary:
    """Return the dictionary in force, which has tables to be looked after; before the first one that of the files.

    What another one needs is made when it is activated: its constraints are none of the rows that are there.
    """
    digest = active_digest(connection)
    return dictionary if digest in (None, dictionary.digest) else _kept(connection, str(digest))


def dictionary_for_reading(connection: Rows, folder: Path | None) -> Dictionary:
    """Return the dictionary in force, whatever the files are by now; those of the folder before the first one.

    Nothing is derived by it: neither approval nor keys are asked for.
    """
    digest = active_digest(connection)
    return load(folder) if digest is None else _kept(connection, digest)


def _kept(connection: Rows, digest: str) -> Dictionary:
    row = connection.execute("SELECT content FROM cdc.dictionary WHERE digest = %s", (digest,)).fetchone()
    if row is None:
        raise FatalError("DRV-111", digest[:12])
    return from_content(row[0], digest)


def recorded(connection: Rows, settings: Settings, digest: str) -> Dictionary:
    """Return a version that the target has kept; it has to be approved as any other one."""
    row = connection.execute("SELECT content, signatures FROM cdc.dictionary WHERE digest = %s", (digest,)).fetchone()
    if row is None:
        raise FatalError("DRV-111", digest[:12])
    content, signatures = row
    dictionary = from_content(content, digest, settings)
    require_approved(settings, dictionary, signatures)
    return dictionary


def from_content(content: str, digest: str, settings: Settings | None = None) -> Dictionary:
    """Load a version of which the content has been kept.

    Without settings nothing can be derived by it that needs the key of a token. Raises DRV-111 when it is not the
    content that the digest stands for, DRV-117 when this release cannot read it, CFG-101 where a key is missing.
    """
    if hashlib.sha256(content.encode()).hexdigest() != digest:
        raise FatalError("DRV-111", digest[:12])
    try:
        return _with_keys(load_content(content, keys := _keys(settings)), keys, settings)
    except DictionaryError as error:
        raise FatalError("DRV-117", digest[:12] + _told(error)) from error


def record(connection: Rows, settings: Settings, dictionary: Dictionary) -> bool:
    """Keep a version with its signatures in the target; tell whether it was not there, or not what its digest says."""
    signatures = signature_texts(signature_folder(settings.approval, settings.folders.dictionary), dictionary.digest)
    added = connection.execute(
        "INSERT INTO cdc.dictionary AS kept (digest, version, content, signatures) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (digest) DO UPDATE SET content = EXCLUDED.content WHERE kept.content <> EXCLUDED.content",
        (dictionary.digest, dictionary.version, dictionary.content, Jsonb(signatures)),
    )
    if signatures:
        connection.execute(
            "UPDATE cdc.dictionary SET signatures = signatures || %s WHERE digest = %s AND NOT signatures @> %s",
            (Jsonb(signatures), dictionary.digest, Jsonb(signatures)),
        )
    return bool(added.rowcount)


def put_first(connection: Rows, settings: Settings, dictionary: Dictionary) -> None:
    """Put a dictionary in force unless one is. The connection is in autocommit: two workers may do so at once."""
    record(connection, settings, dictionary)
    connection.execute("INSERT INTO cdc.active (digest) VALUES (%s) ON CONFLICT DO NOTHING", (dictionary.digest,))


def _loaded(folder: Path | None, settings: Settings) -> Dictionary:
    try:
        return _with_keys(load(folder, keys := _keys(settings)), keys, settings)
    except DictionaryError as error:
        raise FatalError("DRV-106", _told(error)) from error


def _keys(settings: Settings | None) -> dict[str, bytes]:
    return {domain: key.reveal().encode() for domain, key in settings.tokens.items()} if settings else {}


def _with_keys(dictionary: Dictionary, keys: dict[str, bytes], settings: Settings | None) -> Dictionary:
    """Return the dictionary; where it is to be derived by, each token that it makes has its key."""
    if settings and (missing := dictionary.tokens.domains - keys.keys()):
        names = ", ".join(f"tokens.{domain}" for domain in sorted(missing))
        raise FatalError("CFG-101", f"{names} is missing: the dictionary makes tokens with it")
    return dictionary


def _told(error: DictionaryError) -> str:
    return "".join(f"\n  {fault}" for fault in error.faults)
