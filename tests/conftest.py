"""What holds for all tests: none of them is about time."""

from __future__ import annotations

from hypothesis import settings

# On a busy machine an example takes as long as it takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
