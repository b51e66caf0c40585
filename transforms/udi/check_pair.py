"""The check characters of GS1 model numbers, (8013) and (8014): Basic UDI-DI and Master UDI-DI.

GS1 General Specifications 7.9.5: values of character set 82, weighted by the primes from the right, modulo 1021; the
sum's ten bits are two characters.
"""

from __future__ import annotations

_DATA = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_PAIR = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
# As many as a model number has characters before its pair.
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)


def check_pair(data: str) -> str:
    """Return the two characters that complete `data`, at most 23 characters of set 82."""
    total = sum(_DATA.index(character) * prime for character, prime in zip(reversed(data), _PRIMES, strict=False))
    high, low = divmod(total % 1021, len(_PAIR))
    return _PAIR[high] + _PAIR[low]
