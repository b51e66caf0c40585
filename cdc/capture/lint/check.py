"""Every rule applied to every file: findings in the order of the files, one rule's word for one entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Finding, Rule
from cdc.capture.lint.rules import BY_CODE, RULES
from cdc.capture.source import KINDS, UNLANDED, SourceFile, read_source
from cdc.capture.source_values import PINNED_RULE
from cdc.document import Entry, Fault
from cdc.errors import catalogue

_UNREADABLE = "SRC-101"
_CONTRACTS = "SRC-102"


def lint(
    folder: Path, paths: Sequence[Path] = (), reads: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> list[Finding]:
    """Return the findings of the files of a folder, or of `paths` among them; allowed ones included.

    A path outside the folder is a file of its own: any product, no contracts. `reads` are the mappings of the
    dictionary, by the mirror that they read.
    """
    own = sorted(folder.glob("*.yaml"))
    beside = [path for path in paths if path not in own]
    read = [read_source(path) for path in own] + [read_source(path, (*KINDS, *UNLANDED)) for path in beside]
    files = [
        ConnectorFile(one, one.source, None if one.path in beside else folder / "contracts" / one.path.stem, reads)
        for one in read
        if one.source is not None
    ]
    wanted = [one for one in read if not paths or one.path in paths]
    by_path = {file.path: file for file in files}
    return [finding for one in wanted for finding in _findings(one, by_path.get(one.path), files)]


def _findings(read: SourceFile, file: ConnectorFile | None, files: Sequence[ConnectorFile]) -> list[Finding]:
    found = [_of_fault(read, fault) for fault in read.faults]
    if file is not None:
        found += _ruled(file, files)
        if file.contract_faults:
            found.append(_of_code(file, _CONTRACTS, file.contract_faults.strip().replace("\n", ";")))
    return sorted(_narrowed(set(found)), key=lambda finding: (finding.line, finding.column, finding.code))


def _shown(path: Path) -> str:
    """Return the path as a person in the current folder writes it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _ruled(file: ConnectorFile, files: Sequence[ConnectorFile]) -> Iterator[Finding]:
    for rule in RULES:
        for entry, what in rule.check(file, files):
            yield _of_rule(file, rule, entry, what)


def _of_rule(file: ConnectorFile, rule: Rule, entry: Entry, what: str) -> Finding:
    line, column = file.document.mark(*entry)
    allowed = "" if rule.final else file.allows(rule.code, line)
    return Finding(_shown(file.path), line, column, rule.code, what, rule.cause, rule.action, allowed)


def _of_fault(read: SourceFile, fault: Fault) -> Finding:
    known = BY_CODE.get(fault.rule) or catalogue()[_UNREADABLE]
    place = max(fault.line, 1), max(fault.column, 1)
    return Finding(_shown(read.path), *place, known.code, fault.what, known.cause, known.action)


def _of_code(file: ConnectorFile, code: str, what: str) -> Finding:
    known = catalogue()[code]
    return Finding(_shown(file.path), 1, 1, code, what, known.cause, known.action)


def _narrowed(found: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out that a setting is not to be changed here where a rule says what is wrong with it."""
    listed = list(found)
    told = {(finding.line, finding.column) for finding in listed if finding.code != PINNED_RULE}
    yield from (one for one in listed if one.code != PINNED_RULE or (one.line, one.column) not in told)
