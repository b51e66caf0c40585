"""How tables that are updated row by row are stored."""

from __future__ import annotations

from typing import Final

ROOM_FOR_UPDATES: Final = "WITH (fillfactor = 90)"
"""A new version of a row finds room beside the old one, so that no index has to be told of it. In a table that its
first load filled to the brim every update tells all of them (`tests/bench/size.py`).
"""
