"""L11: whoever answers at the source's address, or for the brokers, has proved who it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc.access import is_loopback
from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Remark, Rule

_PLAIN = ("PLAINTEXT", "SASL_PLAINTEXT")


def _unproved(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    mode = file.source.encryption.mode
    if mode != "verify-full" and not is_loopback(file.source.host):
        yield ("tls", "mode"), f"tls.mode is {mode}, and the host is not a loopback address"
    for key, value in file.settings.items():
        if key.endswith("security.protocol") and value in _PLAIN:
            yield file.entry(key), f"{key} is {value}"
        elif key.endswith("ssl.endpoint.identification.algorithm") and value != "https":
            yield file.entry(key), f"{key} does not compare the broker's name"


RULES = (
    Rule(
        "L11",
        "server does not prove who it is",
        "Without TLS, or with a certificate of which name or authority is not looked at, whoever is on the way reads "
        "the account's password and all rows, and can change them.",
        "Set `tls: {ca: FILE}` (mode verify-full is the default). Where a weaker mode is right, say why in a comment: "
        "`# allow L11: the reason`.",
        _unproved,
    ),
)
