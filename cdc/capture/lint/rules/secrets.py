"""L01, L02: what is secret comes by reference, and a whole value of it; a salt is not a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Remark, Rule
from cdc.capture.tunable import holds_login, is_secret
from cdc.reference import is_reference

_SALT = re.compile(r"column\.mask\.hash.*\.with\.salt\..*")


def _written_out(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    secret = [key for key in file.settings if is_secret(key) or key in file.plugin.secret]
    for key, value in file.settings.items():
        if key in secret and not is_reference(value):
            yield file.entry(key), f"{key} is written out: write a reference such as ${{env:NAME}}"
        elif key not in secret and holds_login(value):
            yield file.entry(key), f"{key} holds a login that is written out"


def _salted(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    for key in file.settings:
        if _SALT.fullmatch(key):
            yield file.entry(key), "column.mask.hash: its salt stands in the name of the setting"


RULES = (
    Rule(
        "L01",
        "secret is written out",
        "Kafka Connect keeps what it is sent in a topic, and its REST interface shows it; a file in version control "
        "has it for good. A part of a value is no better: the rest of it is shown.",
        "Write one reference as the whole value (${env:NAME}, ${file:PATH:KEY}, ${dir:PATH:KEY}), and take what was "
        "written out for known: give the account another password.",
        _written_out,
        final=True,
    ),
    Rule(
        "L02",
        "column is masked by a salt that everybody can read",
        "References are resolved in values, not in names: the salt is in the REST interface and in the configuration "
        "topic, and a hash of few possible values is undone by trying them.",
        "Use `tokens` of the table, whose key is a secret, or leave the column out (`without`).",
        _salted,
    ),
)
