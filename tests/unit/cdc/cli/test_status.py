from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cdc import runbook
from cdc.cli import status


def test_a_topic_that_is_gone_leads_to_the_page_about_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "end_offsets", lambda *_: {"cdc.north": 9})
    read: Any = SimpleNamespace(kafka=None)
    ends, said = status._ends(read, ["cdc.north", "cdc.south"])
    assert ends == {"cdc.north": 9}
    assert [(one.object, one.code) for one in said] == [("cdc.south", None)]
    page = said[0].text.partition("`cdc runbook show ")[2].rstrip("`")
    assert runbook.read(page).title == "a stream has no topic"
