from __future__ import annotations

import pytest

from cdc.capture.answer import ABSENT, Status, Task, masked, shortened

TRACE = """org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer.
\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:67)
Caused by: io.debezium.DebeziumException: Failed
\tat io.debezium.Some.thing(Some.java:1)
Caused by: java.sql.SQLException: Access denied, password=geheim2024, user x
\tat org.mariadb.jdbc.Some.thing(Some.java:2)
\t... 10 more
"""


def test_a_trace_is_told_by_its_first_line_and_its_root() -> None:
    assert shortened(TRACE) == (
        "org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer."
        " <- java.sql.SQLException: Access denied, password=***, user x"
    )


def test_a_root_without_a_message_is_told_with_its_place() -> None:
    trace = "a.B: c\n\tat x.Y(Y.java:1)\nCaused by: java.lang.IllegalArgumentException\n\tat z.Z(Z.java:9)\n"
    assert shortened(trace) == "a.B: c <- java.lang.IllegalArgumentException at z.Z(Z.java:9)"


@pytest.mark.parametrize("text", ["", "java.lang.Error"])
def test_a_trace_may_be_short(text: str) -> None:
    assert shortened(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "password=geheim",
        "Password: geheim",
        '"database.password":"geheim"',
        "token = geheim",
        'Login required username="x" password="very geheim; really";',
        "passphrase='very geheim'",
        "jdbc:x://user:geheim@host:1/db",
        "Invalid value geheim for configuration database.password: too short",
        'Invalid value a.Login required password="geheim"; for configuration signal.consumer.sasl.jaas.config',
    ],
)
def test_no_secret_is_told(text: str) -> None:
    assert "geheim" not in masked(text)


@pytest.mark.parametrize("text", ["Invalid value x for configuration snapshot.mode", "jdbc:x://host:1/db", "no@where"])
def test_what_is_no_secret_is_told(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("status", "wanted", "reached"),
    [
        (Status("RUNNING", (Task(0, "RUNNING"),)), "running", True),
        (Status("RUNNING"), "running", False),
        (Status("RUNNING", (Task(0, "FAILED"),)), "running", False),
        (Status("RUNNING", (Task(0, "UNASSIGNED"),)), "running", False),
        (Status("PAUSED", (Task(0, "PAUSED"),)), "paused", True),
        (Status("PAUSED", (Task(0, "RUNNING"),)), "paused", False),
        (Status("STOPPED"), "stopped", True),
        (Status("STOPPED", (Task(0, "RUNNING"),)), "stopped", False),
        (Status(ABSENT), "stopped", False),
    ],
)
def test_a_state_is_reached_when_connector_and_tasks_are_in_it(status: Status, wanted: str, reached: bool) -> None:
    assert status.is_in(wanted) == reached


def test_a_failure_is_told_from_connector_or_task() -> None:
    assert Status("RUNNING", (Task(0, "FAILED", "why"),)).failure == "why"
    assert Status("FAILED", trace="why").failure == "why"
    assert not Status("RUNNING", (Task(0, "RUNNING"),)).failure
