"""The one kind of error that a person sees."""

from __future__ import annotations


class SimulatorError(Exception):
    """The simulator cannot do what was asked; the message is one sentence for a person, with the way out."""
