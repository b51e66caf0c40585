"""HIBCC check character: the values of all characters before it, modulo 43 (those of Code 39)."""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
_VALUES = {character: value for value, character in enumerate(ALPHABET)}


def is_in_alphabet(text: str) -> bool:
    """Tell whether all characters can stand in HIBCC data."""
    return all(character in _VALUES for character in text)


def check_character(text: str) -> str:
    """Return the character that completes `text`, whose characters are all of the alphabet."""
    return ALPHABET[sum(_VALUES[character] for character in text) % len(ALPHABET)]
