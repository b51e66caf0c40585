"""L05, L14: values arrive as the contracts decode them, and nothing is left out or put in their place."""

from __future__ import annotations

from cdc.capture.lint.demand import demanded, every
from cdc.capture.lint.rule import Rule
from cdc.capture.types import PLACEHOLDER

_DECODED = {
    "decimal.handling.mode": ("string",),
    "time.precision.mode": ("microseconds",),
    "binary.handling.mode": ("hex",),
    "interval.handling.mode": ("string",),
    "hstore.handling.mode": ("json",),
    "bigint.unsigned.handling.mode": ("precise",),
    "enable.time.adjuster": ("false",),
    "value.converter": ("org.apache.kafka.connect.json.JsonConverter",),
    "value.converter.schemas.enable": ("false",),
    "value.converter.decimal.format": ("NUMERIC",),
    "key.converter.schemas.enable": ("false",),
    "key.converter.decimal.format": ("NUMERIC",),
}
# Long values that an update did not touch are not in the logs of these.
_TOUCHED = demanded(
    {"unavailable.value.placeholder": (PLACEHOLDER,)}, lambda file: file.source.kind in ("postgresql", "oracle")
)
_LOSSLESS = {
    "key.converter.replace.null.with.default": ("false",),
    "value.converter.replace.null.with.default": ("false",),
    "header.converter.replace.null.with.default": ("false",),
    "skipped.operations": ("none",),
    "plugin.name": ("pgoutput",),
    "event.converting.failure.handling.mode": ("fail",),
    "event.processing.failure.handling.mode": ("fail",),
    "event.deserialization.failure.handling.mode": ("fail",),
    "inconsistent.schema.handling.mode": ("fail",),
    "include.unknown.datatypes": ("true",),
    "provide.transaction.metadata": ("true",),
    "slot.drop.on.stop": ("false",),
    "lob.enabled": ("true",),
    "log.mining.transaction.retention.ms": ("0",),
    "internal.log.mining.transaction.snapshot.boundary.mode": ("all",),
    "trim.non.xml.charsequence.field.mode": ("none",),
}

RULES = (
    Rule(
        "L05",
        "values arrive in another form",
        "Events carry no types: the contracts say what each number and text is, in the forms that the service pins. In "
        "another form the same number is another moment, or the value is refused.",
        "Leave the setting out.",
        every(demanded(_DECODED), _TOUCHED),
    ),
    Rule(
        "L14",
        "rows or values are lost or altered",
        "With this value the connector leaves out rows, columns or operations, or puts NULL or a default for what it "
        "cannot convert, and says nothing. For many of these settings that is the connector's own default.",
        "Leave the setting out.",
        demanded(_LOSSLESS),
    ),
)
