"""What a reference between canonical tables looks like, in a target or in a fold."""

from __future__ import annotations

from transforms.yaml.shape import Many, Shape, Text, flag

REFERENCE = Shape(
    {
        "columns": Many(Text(), "Canonical columns that stand for the whole key of the other table, in its order."),
        "to": Text("The other canonical table."),
    },
    {"required": flag("Whether the other row has to be there; true without it.")},
)
