"""Structured logs on stderr: one JSON object per line, or coloured text where a person looks at a terminal.

An event is a name (`batch_landed`) and fields that say where and how much; a failure is passed as `error=` and shows
code and place. Never a cell value: of an exception that is not one of ours only its type and the lines of code are
logged, because database drivers quote values in their messages.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor

from cdc.errors import CdcError

_LEVELS: Final = logging.getLevelNamesMapping()
_REPEAT_S: Final = 60.0
_ROOT: Final = Path(__file__).resolve().parents[2]


def configure(level: str = "info", stream: TextIO | None = None, **fields: str) -> None:
    """Set up logging of this process: `fields` stand in every line, of all threads.

    What libraries log goes the same way, from WARNING upwards.
    """
    stream = stream or sys.stderr
    threshold = _LEVELS[level.upper()]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if stream.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            lambda _logger, _method, event: {**fields, **event},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _name_errors,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    # Warns at every start, before the first answer of the broker.
    logging.getLogger("kafka.coordinator.assignors").setLevel(logging.ERROR)
    logging.basicConfig(handlers=[_Forward()], level=max(threshold, logging.WARNING), force=True)


def places(error: BaseException) -> list[str]:
    """Return where in the project's code `error` passed, outermost first, as `cdc/land/worker.py:12 function`.

    Of an error that never passed there, the last place: its file's name, wherever libraries and Python itself are.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT) and ".venv" not in frame.filename]
    return [f"{_shown(Path(frame.filename))}:{frame.lineno} {frame.name}" for frame in own or frames[-1:]]


def _shown(file: Path) -> str:
    return str(file.relative_to(_ROOT)) if file.is_relative_to(_ROOT) else file.name


def _name_errors(_logger: Any, _method: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if info:
        event["error"] = info if isinstance(info, BaseException) else sys.exc_info()[1]
    error = event.get("error")
    if isinstance(error, CdcError):
        event.update(error=str(error), code=error.code)
    elif isinstance(error, BaseException):
        event.update(error=f"{type(error).__module__}.{type(error).__qualname__}", places=places(error))
    return event


class _Forward(logging.Handler):
    """Hands the records of libraries that use the standard library's logging to structlog.

    A text is not repeated within a minute: the Kafka client names a topic that is missing ten times in a second. That
    nobody takes what is logged is no reason for a library to fail: the Kafka client's thread would end, and whoever
    waits for it would wait for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._tell(record)
        except (OSError, ValueError):  # of a stream that is broken, or closed
            self.handleError(record)

    def _tell(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self._said = {text: at for text, at in self._said.items() if record.created - at < _REPEAT_S}
        if message in self._said:
            return
        self._said[message] = record.created
        info = record.exc_info[1] if record.exc_info else None
        fields: dict[str, Any] = {"library": record.name, "message": message}
        structlog.get_logger().log(record.levelno, "library_message", **fields, **({"error": info} if info else {}))
