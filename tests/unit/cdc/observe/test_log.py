from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import structlog

from cdc.errors import FatalError
from cdc.observe import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    log.configure("info", stream)
    yield stream
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_time_and_level(stream: io.StringIO) -> None:
    structlog.get_logger().info("batch_landed", stream="cdc.erp", rows=3)
    (line,) = lines(stream)
    assert line.pop("at").endswith("Z")
    assert line == {"event": "batch_landed", "level": "info", "stream": "cdc.erp", "rows": 3}


def test_what_is_below_the_level_is_not_logged(stream: io.StringIO) -> None:
    structlog.get_logger().debug("detail")
    assert lines(stream) == []


def test_an_error_of_the_service_shows_code_and_place(stream: io.StringIO) -> None:
    structlog.get_logger().error("stopped", error=FatalError("TGT-102", "cdc@db"))
    (line,) = lines(stream)
    assert (line["code"], line["error"]) == ("TGT-102", "TGT-102 target database refuses the login: cdc@db")


def test_a_foreign_error_shows_its_type_and_lines_of_code_but_never_its_message(stream: io.StringIO) -> None:
    logger = structlog.get_logger()
    try:
        raise psycopg.errors.UniqueViolation("Key (name)=(cell-value) already exists.")
    except psycopg.Error as error:
        logger.error("stopped", error=error)
        logger.exception("stopped")
    for line in lines(stream):
        assert line["error"] == "psycopg.errors.UniqueViolation"
        assert line["places"][0].startswith("tests/unit/cdc/observe/test_log.py:")
    assert "cell-value" not in stream.getvalue()
    assert len(lines(stream)) == 2


def test_an_error_that_never_passed_the_project_is_told_by_its_last_place(stream: io.StringIO) -> None:
    """The Kafka client's thread logs errors of its own, and dies of an error in logging."""

    def fail() -> None:
        try:
            json.loads("{")
        except ValueError as error:
            # The same without the frame of this file.
            failure = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
            logging.getLogger("kafka.net").error("crashed", exc_info=(type(failure), failure, failure.__traceback__))

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    (line,) = lines(stream)
    assert line["error"] == "json.decoder.JSONDecodeError"
    (place,) = line["places"]
    assert re.fullmatch(r"decoder\.py:\d+ raw_decode", place)


def test_libraries_log_the_same_way_from_warning_upwards(stream: io.StringIO) -> None:
    logging.getLogger("kafka.client").info("chatter")
    logging.getLogger("kafka.client").warning("broker %s away", 7)
    (line,) = lines(stream)
    assert (line["event"], line["library"], line["message"]) == ("library_message", "kafka.client", "broker 7 away")


def test_what_a_library_says_again_within_a_minute_is_left_out(stream: io.StringIO) -> None:
    for second in (0, 1, 59, 61, 62):
        for topic in ("a", "b"):
            record = {"name": "kafka.cluster", "levelno": logging.ERROR, "msg": f"no topic {topic}", "created": second}
            logging.getLogger().handle(logging.makeLogRecord(record))
    assert [line["message"] for line in lines(stream)] == ["no topic a", "no topic b"] * 2


def test_a_library_does_not_fail_because_nobody_takes_what_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    log.configure("info", stream)
    stream.close()
    logging.getLogger("kafka.net").error("nobody there")
    assert "I/O operation on closed file" in capsys.readouterr().err  # what the standard library says of it
