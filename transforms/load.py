"""Read a dictionary folder into a `Dictionary`, or say everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

from transforms.model import Dictionary

PACKAGED = Path(__file__).parent / "dictionary"


def load(folder: Path | None = None) -> Dictionary:
    """Load the dictionary in `folder` (None: the packaged one); raise `DictionaryError` with all faults at once."""
    raise NotImplementedError(folder or PACKAGED)
