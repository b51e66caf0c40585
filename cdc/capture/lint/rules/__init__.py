"""All rules, by their code."""

from __future__ import annotations

from typing import Final

from cdc.capture.lint.rules import (
    dropping,
    encryption,
    foreign_code,
    history,
    identity,
    keys,
    progress,
    publication,
    secrets,
    settings,
    tables,
    values,
)

_MODULES = (
    *(secrets, foreign_code, publication, values, progress, identity, dropping, keys, tables, encryption, history),
    settings,
)
RULES: Final = tuple(sorted((rule for module in _MODULES for rule in module.RULES), key=lambda rule: rule.code))
BY_CODE: Final = {rule.code: rule for rule in RULES}
