from __future__ import annotations

from collections.abc import Callable

import pytest

from cdc.capture import catalogue, reading, turn
from cdc.stream.signal import Signal
from tests.unit.cdc.capture.signals import Topic, plain_contracts


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Topic]:
    def make(*signals: Signal) -> Topic:
        made = Topic(*signals)
        monkeypatch.setattr(reading, "read_signals", made.read)
        for module in (reading, turn):
            monkeypatch.setattr(module, "send_signal", made.send)
        return made

    return make


@pytest.fixture(autouse=True)
def plain_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources whose tables need no select: whoever begins a snapshot asks them."""
    monkeypatch.setattr(catalogue, "read_contracts", lambda source, _: plain_contracts(source))
