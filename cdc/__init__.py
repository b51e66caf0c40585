"""The replication service: everything that touches the world (Kafka, databases, files, terminal)."""

import sys


def _load_structlog() -> None:
    """Load it without rich, of which it makes nothing here: that would be 5 MiB in every worker, for months."""
    hidden = sys.modules.get("rich")
    sys.modules["rich"] = None  # type: ignore[assignment] # the import system's way to say: is not there
    try:
        import structlog  # noqa: F401, PLC0415
    finally:
        del sys.modules["rich"]
        if hidden is not None:
            sys.modules["rich"] = hidden


_load_structlog()
