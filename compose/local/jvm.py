"""How the Java parts are run: which java, which jars, how much memory."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from compose.local.daemon import StackError
from compose.local.settings import jvm_options

_OLDEST_JAVA = 17


def java_command(jars: Path, heap_mib: int, main_class: str) -> tuple[str, ...]:
    """Return the command line, up to the main class, of a program in `jars`/kafka.

    Raises StackError when there is no fit Java or the jars are not complete.
    """
    if not (jars / "complete").exists():
        raise StackError(f"The jars of broker and Connect are not in {jars}: run compose/local/setup.sh.")
    return (
        _java(),
        f"-Xmx{heap_mib}m",
        *jvm_options(),
        "-cp",
        f"{jars}/kafka/*",
        main_class,
    )


def properties(settings: dict[str, str]) -> str:
    """Return settings as the text of a Java properties file (no value of ours needs escaping)."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


@cache
def _java() -> str:
    path = shutil.which("java")
    if path is None:
        raise StackError("There is no Java: install a JRE of version 17 or newer (Debian: default-jre-headless).")
    banner = subprocess.run((path, "-version"), capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', banner)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise StackError(f"{path} is older than Java {_OLDEST_JAVA}: put a newer one first in PATH.")
    return path
