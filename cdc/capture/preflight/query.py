"""What the readers of MariaDB ask by: a statement and its parameters, answered by rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Query = Callable[[str, Sequence[Any]], Sequence[Mapping[str, Any]]]
