"""What PostgreSQL's client library says of a connection that did not come about: it has a text for it and no code."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg

from cdc.reference import Secret
from cdc.tls import UnusableError, authority_context

_TIMEOUT_S: Final = 5
_SSL_REQUEST: Final = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
_UNVERIFIED: Final = "SSL error: certificate verify failed"
# Texts of the library, which are not translated, and one of the server. That a connection just ended in the middle is
# not among them.
_UNTRUSTED: Final = re.compile(
    r"SSL error: (?!.*\beof\b)|server certificate for |(could not \w+ )?(root )?certificate file |certificate present, "
    r"|(could not \w+ )?private key file |FATAL: +connection requires a valid client certificate"
    r"|server does not support SSL"
)


def encryption(
    mode: str, ca: Path | None, certificate: Path | None, key: Path | None, key_password: Secret | None
) -> Iterator[tuple[str, str]]:
    """Yield all parameters of encryption: one that is left out is taken from the environment, or the user's home.

    Raises `UnresolvedError`.
    """
    yield "sslmode", mode
    yield "gssencmode", "disable"
    yield "sslcertmode", "disable" if certificate is None else "allow"
    files = {"sslrootcert": ca, "sslcert": certificate, "sslkey": key}
    yield from ((name, str(path)) for name, path in files.items() if path is not None)
    if key is not None:
        # Without a password, or with an empty one, OpenSSL asks for it at the terminal.
        yield "sslpassword", (key_password.reveal() if key_password else "") or " "


def reason_of(error: psycopg.Error) -> str:
    """Return the library's first line without the address before it, which the caller names in its own way."""
    first = str(error).strip().partition("\n")[0]
    return first.rpartition(" failed: ")[2] or type(error).__name__


def distrust_of(reason: str, host: str, port: int, ca: Path | None) -> str | None:
    """Return why the server is not trusted, or does not trust us; None if the connection failed for another reason."""
    if not _UNTRUSTED.match(reason):
        return None
    found = _verify(host, port, ca) if reason.startswith(_UNVERIFIED) else None
    return f"{reason}: {found}" if found else reason


def _verify(host: str, port: int, ca: Path | None) -> str | None:
    """Ask the server for its certificate once more: the library does not say what is wrong with it."""
    try:
        with socket.create_connection((host, port), _TIMEOUT_S) as connection:
            connection.sendall(_SSL_REQUEST)
            if connection.recv(1) == b"S":
                authority_context(ca).wrap_socket(connection).close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, UnusableError):
        return None  # it is no question of the certificate any more
    return None
