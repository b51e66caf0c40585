"""PostgreSQL's geometric types: from Debezium's structures to their text.

| decoder | value on the wire                                                    | text                     |
|---------|----------------------------------------------------------------------|--------------------------|
| point   | x and y                                                              | (x,y)                    |
| line    | a, b and c of ax + by + c = 0                                        | {a,b,c}                  |
| circle  | center, a point, and radius                                          | <(x,y),r>                |
| lseg    | wkb of a LineString of two points, extensions.type                   | [(x,y),(x,y)]            |
| box     | wkb of a Polygon of one ring, around from corner to corner           | (x,y),(x,y)              |
| path    | wkb of a LineString, extensions.closed "true" or "false"             | ((x,y),..) or [(x,y),..] |

WKB is that of OGC Simple Feature Access (06-103r4, 8.2): a byte for the order, always 1 (little-endian) here, the kind
and the numbers of parts in 4 bytes each, and 8 bytes for each coordinate. PostgreSQL's `polygon` has no decoder: as a
ring it is closed by its first point, so one that ends with its first point arrives as one that does not.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any, Final

from cdc.stream.double import double_of, text_of
from cdc.stream.misfit import Misfit

_LINE_STRING: Final = 2
_POLYGON: Final = 3
_CORNERS: Final = 5
_POINT_BYTES: Final = 16

Point = tuple[float, float]


def point_of(value: Any) -> str:
    """Do so for an object of x and y; the wkb beside them says the same."""
    x, y = _members(value, "x", "y")
    return f"({double_of(x)},{double_of(y)})"


def line_of(value: Any) -> str:
    """Do so for the three coefficients of a line."""
    return "{" + ",".join(double_of(member) for member in _members(value, "a", "b", "c")) + "}"


def circle_of(value: Any) -> str:
    """Do so for a point and a radius."""
    center, radius = _members(value, "center", "radius")
    return f"<{point_of(center)},{double_of(radius)}>"


def lseg_of(value: Any) -> str:
    """Do so for a line string of two points."""
    points = _points(value, "lseg", _LINE_STRING)
    if len(points) != 2:
        raise Misfit
    return f"[{_text(points)}]"


def box_of(value: Any) -> str:
    """Do so for the ring around a box: its first and its third point are the corners that PostgreSQL keeps."""
    points = _points(value, "box", _POLYGON)
    if len(points) != _CORNERS:
        raise Misfit
    return _text([points[0], points[2]])


def path_of(value: Any) -> str:
    """Do so for a line string that says beside itself whether it is closed."""
    points = _points(value, "path", _LINE_STRING)
    closed = value["extensions"].get("closed")
    if closed not in ("true", "false"):
        raise Misfit
    return f"({_text(points)})" if closed == "true" else f"[{_text(points)}]"


def _members(value: Any, *names: str) -> list[Any]:
    if not isinstance(value, dict) or not value.keys() >= set(names):
        raise Misfit
    return [value[name] for name in names]


def _points(value: Any, kind: str, wkb_kind: int) -> list[Point]:
    wkb, extensions = _members(value, "wkb", "extensions")
    if _members(extensions, "type") != [kind]:
        raise Misfit
    try:
        return _read(base64.b64decode(wkb, validate=True), wkb_kind)
    except (TypeError, ValueError, struct.error) as error:
        raise Misfit from error


def _read(wkb: bytes, wkb_kind: int) -> list[Point]:
    """Return the points of a line string, or of the only ring of a polygon. Raises Misfit, struct.error."""
    parts = (wkb_kind,) if wkb_kind == _LINE_STRING else (wkb_kind, 1)
    head = struct.pack(f"<B{len(parts)}I", 1, *parts)
    (count,) = struct.unpack_from("<I", wkb, len(head))
    body = len(head) + 4
    if not count or not wkb.startswith(head) or len(wkb) != body + count * _POINT_BYTES:
        raise Misfit
    return list(struct.iter_unpack("<dd", wkb[body:]))


def _text(points: list[Point]) -> str:
    return ",".join(f"({text_of(x)},{text_of(y)})" for x, y in points)


GEOMETRIC: Final[dict[str, Callable[[Any], str]]] = {
    "point": point_of,
    "line": line_of,
    "circle": circle_of,
    "lseg": lseg_of,
    "box": box_of,
    "path": path_of,
}
