"""The error tree, and the one catalogue of codes.

A failure is one of three, by what the worker does next:

    CdcError
     +- TransientError   back off, then the same work again (connection, deadlock, lock time-out)
     +- RowError         refuse or hold this row, go on
     +- FatalError       stop and page: going on would lose or alter something
         +- NotAdmitted  stop at the start; wait while running

Every error carries a code. The code is the same string in the exception, the log, the stored row and the catalogue
(`cdc/codes.yaml` for the service, `errors.yaml` of the dictionary for what stewards govern); `cdc code CODE` prints it.
An unknown code cannot be raised. Messages and details never carry cell values or secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of the catalogue: what happened, why, and what the operator does next.

    `stops` is what stands still meanwhile: service, stream, command, nothing (`cdc/codes.yaml`). A row's has none.
    """

    code: str
    kind: str
    title: str
    cause: str
    action: str
    stops: str | None = None


@cache
def catalogue() -> dict[str, Code]:
    """Return every code of the service (those of the dictionary: `transforms.load`)."""
    entries = msgspec.yaml.decode((files("cdc") / "codes.yaml").read_bytes(), type=dict[str, dict[str, str]])
    return {code: Code(code=code, **entry) for code, entry in entries.items()}


class CdcError(Exception):
    """Base of all errors of the service. `code` must stand in the catalogue; `detail` names place, never values."""

    kind = "fatal"

    def __init__(self, code: str, detail: str = "") -> None:
        self.entry = catalogue()[code]
        if self.entry.kind != self.kind:
            raise ValueError(f"{code} is catalogued as {self.entry.kind}, raised as {self.kind}")
        self.code = code
        self.detail = detail
        super().__init__(f"{code} {self.entry.title}" + (f": {detail}" if detail else ""))

    def advice(self) -> str:
        """Return the lines that a person needs: what, why, what to do."""
        return f"{self}\n  cause: {self.entry.cause}\n  next:  {self.entry.action}"


class TransientError(CdcError):
    """Back off and do the same work again; nothing was written."""

    kind = "transient"


class RowError(CdcError):
    """This one row cannot be taken; it is refused or held with the code, all others go on."""

    kind = "row"


class FatalError(CdcError):
    """Stop: going on would lose, double or alter something. A person has to look."""

    kind = "fatal"


class NotAdmitted(FatalError):
    """A server refused our login, or one side did not trust the other.

    Fatal for whoever starts. A worker that runs waits instead: passwords and certificates are replaced while it does,
    and never at the same moment on both sides.
    """
