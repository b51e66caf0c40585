"""What a plan sees of a connector that is not there yet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cdc.capture.plan import survey
from cdc.capture.reading import Reading
from tests.unit.cdc.capture.cluster import Cluster
from tests.unit.cdc.capture.signals import BROKERS, Topic, source


def test_tables_that_were_noted_for_a_connector_that_was_refused_do_not_wait(
    topic: Callable[..., Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first call had noted them, and then Connect found a wrong password: the second call has to go on."""
    topic()
    monkeypatch.setattr(survey, "describe_topic", lambda *_: object())
    monkeypatch.setattr(survey, "compare_topics", lambda *_: [])
    file = source("lot")
    Reading(file, BROKERS).note_new(None)
    seen = survey.survey(file, BROKERS, Cluster(), [], "cdc-signal.mes")  # type: ignore[arg-type]
    assert (seen.config, seen.unread) == (None, ())
