"""L08: nothing on the way drops records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cdc.capture.lint.demand import demanded
from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Remark, Rule

_TOLERANCE = demanded({"errors.tolerance": ("none",)})
_TRANSFORM = re.compile(r"(transforms|predicates)(\..*)?")


def _dropping(file: ConnectorFile, files: Sequence[ConnectorFile]) -> Iterator[Remark]:
    yield from _TOLERANCE(file, files)
    for key in file.settings:
        if _TRANSFORM.fullmatch(key):
            yield file.entry(key), f"{key} changes what is done to records on their way"


RULES = (
    Rule(
        "L08",
        "records may be dropped on their way",
        "With errors.tolerance=all a record that a transform or converter cannot take is left out, and only a log line "
        "tells. A transform of one's own can filter or rewrite what the mirrors are to have.",
        "Leave the setting out. Rows and values are chosen by the dictionary, where it is on record.",
        _dropping,
    ),
)
