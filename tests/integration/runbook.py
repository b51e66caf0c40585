"""Runbooks, done as they stand there: the commands of a page, one after the other, by somebody who answers yes.

Whoever follows a page reads it; a test says which of its steps the case is. What is between them (a setting that is
corrected, a topic that is deleted) the test does itself.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from cdc import runbook
from tests.integration.service import CDC
from tests.integration.shapes.shapes import Shapes

SERVICE = "cdc run"
_PLACEHOLDER = re.compile(r"\b[A-Z]{4,}\b")
_BLOCK = re.compile(r"^( *)```\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^(\d+)\. ", re.MULTILINE)
# What a person reads there: `plan` says that there is something to do, if there is.
_EXIT_CODES = {"plan": {0, 3}}


def commands(page: str, part: str, *steps: int) -> list[str]:
    """Return the commands of a part of a page, or of numbered steps of it; blocks of another language are none."""
    text = runbook.read(page).parts[part]
    if steps:
        _, *found = _STEP.split(text)
        by_number = {int(number): body for number, body in zip(found[::2], found[1::2], strict=True)}
        text = "\n".join(by_number[step] for step in steps)
    blocks = (textwrap.dedent(block) for _, block in _BLOCK.findall(text))
    return [line for block in blocks for line in block.strip().splitlines()]


@dataclass(frozen=True, slots=True)
class Operator:
    """Follows pages at a deployment; `words` are what stands for their placeholders (SOURCE, TABLE)."""

    shapes: Shapes
    words: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def doing(self, page: str, *steps: int) -> Iterator[str]:
        """Do steps of Act; `cdc run`, where they start it, runs for the block. Yields what the commands printed."""
        todo = commands(page, "Act", *steps)
        assert todo, f"{page}: nothing to do in {steps}"
        said = []
        with ExitStack() as until_then:
            for command in todo:
                if command == SERVICE:
                    until_then.enter_context(self.shapes.running())
                else:
                    said.append(self._run(command))
            yield "".join(said)

    def act(self, page: str, *steps: int) -> str:
        """Do steps that start no service; return what their commands printed."""
        assert SERVICE not in commands(page, "Act", *steps)
        with self.doing(page, *steps) as said:
            return said

    def verify(self, page: str, timeout_s: float = 90) -> None:
        """Give the commands of Verify until all of them are green, one after the other."""
        for command in commands(page, "Verify"):
            deadline = time.monotonic() + timeout_s
            while (done := self._give(command)).returncode != 0:
                assert time.monotonic() < deadline, f"{page}: {command}: {done.returncode}\n{done.stdout}{done.stderr}"
                time.sleep(0.5)

    def _run(self, command: str) -> str:
        done = self._give(command)
        verb = next((word for word in _EXIT_CODES if f" {word} " in command), "")
        assert done.returncode in _EXIT_CODES.get(verb, {0}), (
            f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout + done.stderr

    def _give(self, command: str) -> subprocess.CompletedProcess[str]:
        """Give a command, in the folder of the deployment; whatever it asks, the answer is yes."""
        program, *arguments = shlex.split(_PLACEHOLDER.sub(lambda found: self.words.get(found[0], found[0]), command))
        assert program == "cdc", command
        assert not any(_PLACEHOLDER.fullmatch(word) for word in arguments), f"{command}: fill in what stands there"
        return subprocess.run(
            (CDC, *arguments),
            cwd=self.shapes.deployment.folder,
            env=self.shapes.env,
            input="y\n" * 9,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
