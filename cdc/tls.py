"""Encrypted connections of the service's own clients: what is trusted, who we are, and what went wrong.

Certificates and keys are read anew for each connection, so that they may be replaced while the service runs. The other
side has to prove its name; `verify: ca` takes any name of the authority and has to be written down.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from socket import socket
from typing import Any, Literal, Protocol

from cdc.reference import Secret, UnresolvedError

Verify = Literal["full", "ca"]


_ALERT = re.compile(r"(?:SSLV3|TLSV\d+)_ALERT_(\w+)")


class Trust(Protocol):
    """The entries of a group of settings: authorities (None: the system's), our certificate and its key, what of the
    other side's certificate is verified.
    """

    @property
    def ca(self) -> Path | None: ...  # noqa: D102 - as above
    @property
    def certificate(self) -> Path | None: ...  # noqa: D102
    @property
    def key(self) -> Path | None: ...  # noqa: D102
    @property
    def key_password(self) -> Secret | None: ...  # noqa: D102
    @property
    def verify(self) -> Verify: ...  # noqa: D102


class UnusableError(Exception):
    """A file of ours cannot be used; the message names it, and says why."""


def authority_context(ca: Path | None) -> ssl.SSLContext:
    """Return a context that trusts an authority (None: the system's), for whatever name. Raises `UnusableError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    if ca is None:
        context.load_default_certs()
    else:
        _load_authorities(context, ca)
    return context


def client_context(trust: Trust) -> ssl.SSLContext:
    """Return a context for one connection. Raises `UnusableError`."""
    context = authority_context(trust.ca)
    context.check_hostname = trust.verify == "full"
    _load_identity(context, trust)
    return context


def unverified_context(trust: Trust) -> ssl.SSLContext:
    """Return a context for a connection to whoever answers. Raises `UnusableError`."""
    context = authority_context(None)
    context.verify_mode = ssl.CERT_NONE
    _load_identity(context, trust)
    return context


def reread_context(trust: Trust) -> ssl.SSLContext:
    """Return a context for a client that takes one for good: the files are read anew for each of its connections.

    Connecting raises `UnusableError`.
    """
    context = _RereadContext(ssl.PROTOCOL_TLS_CLIENT)
    context.trust = trust
    return context


class _RereadContext(ssl.SSLContext):
    trust: Trust

    def wrap_socket(self, sock: socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return client_context(self.trust).wrap_socket(sock, *arguments, **options)


def fault_of(error: BaseException) -> str | None:
    """Return what TLS found wrong if that is behind `error`, in words; None if something else is.

    A connection that simply ended is something else: a server that is stopped ends one in the middle of a handshake.
    """
    for cause in _causes(error):
        if isinstance(cause, UnusableError):
            return str(cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {cause.verify_message.rstrip('.')}"
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return _said(cause)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what is behind it, also what libraries keep in arguments of their own."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__context__, current.__cause__, getattr(current, "original_exception", None)]
        waiting += [argument for argument in current.args if isinstance(argument, BaseException)]


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise UnusableError(f"{path} holds no certificate") from error
    except OSError as error:
        raise UnusableError(f"{path} cannot be read ({type(error).__name__})") from error


def _load_identity(context: ssl.SSLContext, trust: Trust) -> None:
    if trust.certificate is None:
        return
    try:
        # Without a password OpenSSL would ask for one at the terminal.
        password = "" if trust.key_password is None else trust.key_password.reveal()
        context.load_cert_chain(trust.certificate, trust.key, password)
    except UnresolvedError as error:
        raise UnusableError(str(error)) from error
    except ssl.SSLError as error:
        raise UnusableError(f"{trust.certificate} and its key are not usable: {_words(error)}") from error
    except OSError as error:
        where = trust.certificate if trust.key is None else f"{trust.certificate} or {trust.key}"
        raise UnusableError(f"{where} cannot be read ({type(error).__name__})") from error


def _said(error: ssl.SSLError) -> str:
    alert = _ALERT.fullmatch(error.reason or "")
    if alert:
        return f"it does not accept us, its alert is: {alert[1].lower().replace('_', ' ')}"
    return f"no TLS connection: {_words(error)}"


def _words(error: ssl.SSLError) -> str:
    return (error.reason or "no reason given").lower().replace("_", " ")
