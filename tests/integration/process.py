"""What the kernel knows of a process."""

from __future__ import annotations

from pathlib import Path


def peak_mib(pid: int) -> int:
    """Return the most memory that a process has had resident."""
    lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))
