"""The settings of the service: one YAML file, references resolved against the environment, all faults at once.

This is the only module that reads the environment. Which file it is, of several in a folder, `cdc.context` says;
folders in it are relative to the file. A secret must be a reference: a password written into the file is a fault.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from cdc.access import Connect, Fault, Kafka, Target, connect_faults, kafka_faults, target_faults
from cdc.context import settings_file
from cdc.document import Document, read_document
from cdc.errors import FatalError
from cdc.reference import Secret, UnresolvedError, is_reference, resolve
from transforms.model import Retention

# What stands here is used by Kafka Connect; on this machine its secrets need not be known.
_OF_CONNECT = ("kafka", "connectors")
RESTARTS = "CDC_RESTARTS"
"""The variable in which the parent tells a child how often it was started again."""

_TRUTH: Mapping[str, bool] = MappingProxyType({"True": True, "False": False, "true": True, "false": False})
_KEY_LENGTH = 32
_SIGNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # part of the name of a file
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")

LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the reviewed files are. `dictionary` None is the one that comes with the package."""

    connector_configs: Path
    dictionary: Path | None = None


@dataclass(frozen=True, slots=True)
class Land:
    """How landing cuts batches: at the first of the limits, or as soon as the stream is drained."""

    group: str = "cdc-land"
    batch_rows: int = 5000
    # Three batches are in memory at a time, several times as large as in Kafka.
    batch_bytes: int = 4 * 1024 * 1024
    # How long a poll waits for the next record once the stream is drained; bounds the reaction to SIGTERM, too.
    drain_wait_ms: int = 100
    # How often the catalogue of a source is read whose log does not tell of every change of a table (PostgreSQL).
    catalogue_every_s: int = 30


@dataclass(frozen=True, slots=True)
class Derive:
    """How the derive worker turns."""

    # How long a turn that found nothing new waits for landing's notice before it looks again.
    idle_wait_ms: int = 100
    # How many rows a domain may hold with one code; a turn that would hold more ends the worker. 0: as many as there
    # are. No steward works off so many by hand: it is the dictionary, or the source, that has changed.
    held_limit: int = 100_000


@dataclass(frozen=True, slots=True)
class Observe:
    """Where the workers answer `/metrics`, `/livez` and `/readyz`: each on a port of its own, 0 for none.

    There is no login: an address other than loopback is for a network that only the operators reach.
    """

    host: str = "127.0.0.1"
    land_port: int = 9401
    derive_port: int = 9402
    watch_port: int = 9403
    # How long a loop may take for one turn; `/livez` says no after that. Longer than the longest statement of the
    # target (5 min): who restarts on a no would end honest work again and again. Large derivations have an hour.
    stall_s: int = 330

    def port(self, worker: str) -> int:
        """Return the port of a worker: land, derive or watch."""
        return {"land": self.land_port, "derive": self.derive_port, "watch": self.watch_port}[worker]


@dataclass(frozen=True, slots=True)
class Log:
    """What is logged."""

    level: str = "info"


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature counts, and as what. `key` is the file of the Ed25519 public key, PEM."""

    role: str
    key: Path


@dataclass(frozen=True, slots=True)
class Approval:
    """Which signatures make a version of the dictionary an approved one.

    `roles`: each of them has to have signed. `signatures` None is the folder `signatures` in that of the dictionary.
    """

    required: bool = True
    roles: tuple[str, ...] = ()
    signers: Mapping[str, Signer] = field(default_factory=lambda: MappingProxyType({}))
    signatures: Path | None = None


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where heads of chains are published, and how often: at the first of the limits.

    `key` is the file of the Ed25519 private key that signs them, PEM, without a password; `file` is only ever added to.
    """

    key: Path
    file: Path
    topic: str
    # What was written anew before its head was published leaves no trace: as short as a person takes to do it.
    every_minutes: int = 5
    every_batches: int = 5000


@dataclass(frozen=True, slots=True)
class Archive:
    """Where months of the journal go that are over, and how many whole ones stay in the target (`cdc journal`).

    `keep_months_by_class`: longer, where fields of a class of retention of the dictionary are made of a stream.
    """

    folder: Path | None = None
    keep_months: int = 12
    keep_months_by_class: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Protection:
    """Master keys of what is sealed, by name; `current` wraps new data keys, the others open those of before."""

    keys: Mapping[str, Secret]
    current: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a deployment decides. `tokens`: the key of each domain of the dictionary's TOKEN.

    `protection` None: nothing is sealed; `anchors` None: heads are not published.
    """

    target: Target
    kafka: Kafka
    connect: Connect
    folders: Folders
    land: Land = field(default_factory=Land)
    derive: Derive = field(default_factory=Derive)
    approval: Approval = field(default_factory=Approval)
    archive: Archive = field(default_factory=Archive)
    tokens: Mapping[str, Secret] = field(default_factory=lambda: MappingProxyType({}))
    protection: Protection | None = None
    observe: Observe = field(default_factory=Observe)
    anchors: Anchors | None = None
    log: Log = field(default_factory=Log)


def environment() -> Mapping[str, str]:
    """Return the process environment, read-only: what `${env:NAME}` means."""
    return MappingProxyType(os.environ)


def restarts_so_far() -> int:
    """Return how often `cdc run` has started this process again; 0 if it was not started by it."""
    text = environment().get(RESTARTS, "0")
    return int(text) if text.isascii() and text.isdecimal() else 0


def load(
    path: Path | None = None, variables: Mapping[str, str] | None = None, *, context: str | None = None
) -> Settings:
    """Read the settings of `path`, or of what CDC_CONFIG names; of a folder, those of a context.

    Raises CFG-101 with every fault.
    """
    variables = environment() if variables is None else variables
    named = settings_file(path, context, variables)
    reader = _Reader(read_document(named), named.resolve().parent, variables)
    settings = reader.settings()
    if reader.faults:
        raise FatalError("CFG-101", "".join(f"\n  {fault}" for fault in reader.faults))
    return cast(Settings, settings)


class _Reader:
    """Turns the document into sections, collecting faults; a section with a fault is None."""

    def __init__(self, document: Document, folder: Path, variables: Mapping[str, str]) -> None:
        self.document = document
        self.folder = folder
        self.variables = variables
        self.faults = list(map(str, document.faults))

    def settings(self) -> Settings | None:
        data = self.document.data
        if not isinstance(data, dict):
            if not self.document.faults:
                self.faults.append(f"{self.document.name}: has no settings")
            return None
        sections = dict(self._entries(Settings, data, ()))
        if self.faults:
            return None
        settings = Settings(**sections)
        self._check_ranges(settings)
        self._check_observe(settings.observe)
        self._check_approval(settings.approval)
        if settings.anchors is not None:
            self._check_anchors(settings.anchors)
        self._check_archive(settings.archive)
        self._check_keys(settings)
        return settings

    def _entries(self, model: type[Any], data: dict[str, Any], entry: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        """Yield what the fields of `model` take from `data`; faults of unknown and missing keys on the way."""
        hints = get_type_hints(model)
        for key in data:
            if key not in hints:
                self._fault((*entry, key), "is not a setting")
        for item in dataclasses.fields(model):
            here = (*entry, item.name)
            if item.name in data:
                yield item.name, self._value(hints[item.name], data[item.name], here)
            elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                self._fault(here, "is missing")

    def _value(self, kind: Any, value: Any, entry: tuple[str, ...]) -> Any:
        kind, may_be_none = _without_none(kind)
        if may_be_none and value is None:
            return None
        if dataclasses.is_dataclass(kind):
            if not isinstance(value, dict):
                return self._fault(entry, "is not a group of settings")
            known = len(self.faults)
            fields = dict(self._entries(cast(type[Any], kind), value, entry))
            return cast(type[Any], kind)(**fields) if len(self.faults) == known else None
        if get_origin(kind) in (tuple, abc.Mapping):
            return self._several(kind, value, entry)
        return self._scalar(kind, value, entry)

    def _several(self, kind: Any, value: Any, entry: tuple[str, ...]) -> Any:
        """Return a list (`tuple[X, ...]`) or a map by name (`Mapping[str, X]`)."""
        known = len(self.faults)
        if get_origin(kind) is tuple:
            if not isinstance(value, list):
                return self._fault(entry, "is not a list")
            items = tuple(self._value(get_args(kind)[0], item, entry) for item in value)
            return items if len(self.faults) == known else None
        if not isinstance(value, dict):
            return self._fault(entry, "is not a group of settings")
        named = {str(name): self._value(get_args(kind)[1], item, (*entry, str(name))) for name, item in value.items()}
        return MappingProxyType(named) if len(self.faults) == known else None

    def _scalar(self, kind: Any, value: Any, entry: tuple[str, ...]) -> Any:
        if isinstance(value, (dict, list)) or value is None:
            return self._fault(entry, "is not a single value")
        if kind is Secret and not (isinstance(value, str) and is_reference(value)):
            return self._fault(entry, "is a secret: write a reference such as ${env:NAME}")
        try:
            if kind is Secret:
                return self._secret(str(value), entry)
            text = resolve(str(value), self.variables)
        except UnresolvedError as error:
            return self._fault(entry, str(error))
        return self._converted(kind, text, entry)

    def _secret(self, reference: str, entry: tuple[str, ...]) -> Secret:
        secret = Secret.behind(reference, self.variables)
        if entry[:2] != _OF_CONNECT:
            secret.reveal()  # at the first use it would be too late for a complaint
        return secret

    def _converted(self, kind: Any, text: str, entry: tuple[str, ...]) -> Any:
        if kind is int:
            return int(text) if text.isascii() and text.isdecimal() else self._fault(entry, "is not a whole number")
        if not text:
            return self._fault(entry, "is empty")
        if kind is bool:
            return _TRUTH[text] if text in _TRUTH else self._fault(entry, "is no true or false")
        if get_origin(kind) is Literal:
            return text if text in get_args(kind) else self._fault(entry, f"is none of {', '.join(get_args(kind))}")
        return text if kind is str else self.folder / text

    def _check_keys(self, settings: Settings) -> None:
        keys: dict[tuple[str, ...], Secret] = {("tokens", name): key for name, key in settings.tokens.items()}
        if settings.protection is not None:
            keys |= {("protection", "keys", name): key for name, key in settings.protection.keys.items()}
            if settings.protection.current not in settings.protection.keys:
                self._fault(("protection", "current"), "is none of protection.keys")
        for entry, key in keys.items():
            if len(key.reveal()) < _KEY_LENGTH:
                self._fault(entry, f"is a key of fewer than {_KEY_LENGTH} characters")

    def _check_ranges(self, settings: Settings) -> None:
        for entry, what in _access_faults(settings):
            self._fault(entry, what)
        if settings.log.level not in LOG_LEVELS:
            self._fault(("log", "level"), f"is none of {', '.join(LOG_LEVELS)}")
        for name in ("batch_rows", "batch_bytes", "drain_wait_ms", "catalogue_every_s"):
            if getattr(settings.land, name) < 1:
                self._fault(("land", name), "must be at least 1")
        if not settings.folders.connector_configs.is_dir():
            self._fault(("folders", "connector_configs"), f"is not a folder: {settings.folders.connector_configs}")

    def _check_observe(self, observe: Observe) -> None:
        for name in ("land_port", "derive_port", "watch_port"):
            if getattr(observe, name) > 65535:
                self._fault(("observe", name), "is not a port")
        if observe.stall_s < 1:
            self._fault(("observe", "stall_s"), "must be at least 1")

    def _check_approval(self, approval: Approval) -> None:
        for name in approval.signers:
            if not _SIGNER.fullmatch(name):
                self._fault(("approval", "signers", name), "is no name: letters, digits, . _ - only")
        held = {signer.role for signer in approval.signers.values()}
        for role in approval.roles:
            if role not in held:
                self._fault(("approval", "roles"), f"asks for {role}, which no signer has")

    def _check_anchors(self, anchors: Anchors) -> None:
        for name in ("every_minutes", "every_batches"):
            if getattr(anchors, name) < 1:
                self._fault(("anchors", name), "must be at least 1")
        if not _TOPIC.fullmatch(anchors.topic):
            self._fault(("anchors", "topic"), "is no name of a topic: letters, digits, . _ - only")

    def _check_archive(self, archive: Archive) -> None:
        if archive.keep_months < 1:
            self._fault(("archive", "keep_months"), "must be at least 1")
        for name in archive.keep_months_by_class:
            if name not in get_args(Retention):
                self._fault(("archive", "keep_months_by_class", name), f"is none of {', '.join(get_args(Retention))}")

    def _fault(self, entry: tuple[str, ...], what: str) -> None:
        self.faults.append(f"{self.document.place(*entry)}: {'.'.join(entry)} {what}")


def _without_none(kind: Any) -> tuple[Any, bool]:
    """Split `X | None` into X and whether None is allowed."""
    parts = [part for part in get_args(kind) if part is not type(None)]
    return (parts[0], True) if type(None) in get_args(kind) else (kind, False)


def _access_faults(settings: Settings) -> Iterator[Fault]:
    yield from target_faults(settings.target)
    yield from kafka_faults(settings.kafka)
    yield from connect_faults(settings.connect)
