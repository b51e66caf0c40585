"""A bag of keys from which a plan draws: constant time, and the same draw for the same history."""

from __future__ import annotations

from random import Random

from compose.simulator.value import Key


class Pool:
    """Keys of rows that are ready for something."""

    def __init__(self) -> None:
        self._keys: list[Key] = []
        self._places: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def add(self, key: Key) -> None:
        """Put a key in, once."""
        if key not in self._places:
            self._places[key] = len(self._keys)
            self._keys.append(key)

    def discard(self, key: Key) -> None:
        """Take a key out if it is there."""
        place = self._places.pop(key, None)
        if place is None:
            return
        last = self._keys.pop()
        if last != key:
            self._keys[place] = last
            self._places[last] = place

    def pick(self, rng: Random) -> Key:
        """Return one of the keys; it stays."""
        return self._keys[rng.randrange(len(self._keys))]

    def take(self, rng: Random) -> Key:
        """Return one of the keys and take it out."""
        key = self.pick(rng)
        self.discard(key)
        return key

    def latest(self, count: int) -> list[Key]:
        """Return the keys that were put in last."""
        return self._keys[-count:]
