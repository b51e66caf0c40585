"""The small dictionary of the page's tests, and its page."""

from __future__ import annotations

import pytest

from tests.unit.transforms.site.plant import FILES, WARNING


@pytest.fixture
def plant(folder):
    for file, text in FILES.items():
        folder.write(file, text)
    return folder.write("errors.yaml", (folder.root / "errors.yaml").read_text(encoding="utf-8") + WARNING)
