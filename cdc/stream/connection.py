"""Connections to Kafka: what each client is given, and what the failures of a client mean.

The client (3.0.12) keeps the reason why it was not let in to its log: to the caller all of them are time-outs. It sets
no time limit to a TLS handshake, takes its password once, drops what the broker said last, and leaves a thread behind
when it cannot start. All that is made up for here.
"""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from socket import SHUT_RDWR, socket
from typing import Any, Final

from kafka.errors import (
    BrokerResponseError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.sasl import register_sasl_mechanism
from kafka.net.sasl.plain import SaslMechanismPlain
from kafka.net.sasl.scram import SaslMechanismScram
from kafka.net.selector import NetworkSelector

from cdc.access import Brokers, KafkaSecurity
from cdc.errors import CdcError, FatalError, NotAdmitted, TransientError
from cdc.reference import Secret, UnresolvedError
from cdc.tls import client_context, fault_of

# A broker answers a handshake at once; one that does not will not answer anything else either.
_HANDSHAKE_S: Final = 5.0
_JUST_NOW_S: Final = 10.0
_LOGIN_ERRORS: Final = (
    UnresolvedError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
    IllegalSaslStateError,
)


class Connection:
    """What one client needs to connect: give `settings` to its constructor; afterwards, why it is not let in."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._client: KafkaNetClient | None = None
        self._refusal: NotAdmitted | None = None
        self._refused_at = 0.0
        self._failure = ""
        self._made: Counter[object] = Counter()

    @property
    def settings(self) -> dict[str, Any]:
        """The client's settings that say where, encrypted how, and as whom."""
        bootstrap = [server.strip() for server in self._brokers.bootstrap.split(",")]
        return {"bootstrap_servers": bootstrap, "kafka_client": self._make, **_security(self._brokers.security)}

    @property
    def refusal(self) -> NotAdmitted | None:
        """Why a broker did not let us in just now, or was not trusted; None if none is known.

        One that is needed is tried again all the time; another one may be gone from the cluster since it refused.
        """
        return self._refusal if time.monotonic() - self._refused_at < _JUST_NOW_S else None

    def away(self, error: KafkaError) -> CdcError:
        """Return what a failure of the client amounts to: NotAdmitted STR-113, STR-114, or TransientError STR-109."""
        behind = f" ({self._failure})" if self._failure else ""
        return self.refusal or TransientError("STR-109", f"{type(error).__name__}{behind}")

    def made(self, node: int | None) -> int:
        """Return how many connections to a broker have come about so far, also those that are gone again."""
        return self._made[node]

    def close(self) -> None:
        """End the client's connections and its thread, also those of a client that did not come about."""
        if self._client is not None:
            self._client.close()

    def _make(self, **settings: Any) -> KafkaNetClient:
        net = NetworkSelector(**settings)
        if isinstance(settings["ssl_context"], _Context):
            settings["ssl_context"].net = net
        self._client = KafkaNetClient(net=net, manager=_Manager(net, self, **settings))
        return self._client

    def succeeded(self, node: object) -> None:
        """Take note that a broker let us in."""
        self._made[node] += 1
        self._refusal, self._failure = None, ""

    def failed(self, failure: BaseException) -> None:
        """Take note of why there is no connection to a broker, or no more."""
        self._failure = str(failure)
        refusal = _refusal(failure, self._brokers)
        if refusal is not None:
            self._refusal, self._refused_at = refusal, time.monotonic()


def _refusal(failure: BaseException, brokers: Brokers) -> NotAdmitted | None:
    security = brokers.security
    if isinstance(failure, _LOGIN_ERRORS):
        said = str(failure.args[0]) if failure.args else type(failure).__name__
        said = said.removeprefix("SaslAuthenticationFailedError: ")
        return NotAdmitted("STR-113", f"{security.user} by {security.mechanism}: {said}")
    distrust = fault_of(failure)
    return None if distrust is None else NotAdmitted("STR-114", f"{brokers.bootstrap}: {distrust}")


@contextmanager
def connection_to(brokers: Brokers) -> Iterator[Connection]:
    """Yield the connection of a client for a few requests, and close it.

    Raises what Kafka raises as `Connection.away` says, or as FatalError STR-110 what the broker itself refuses.
    """
    connection = Connection(brokers)
    try:
        yield connection
    except KafkaError as error:
        known = connection.away(error)
        refused = isinstance(error, BrokerResponseError) and not getattr(error, "retriable", False)
        if refused and not isinstance(known, NotAdmitted):
            raise FatalError("STR-110", type(error).__name__) from error
        raise known from error
    finally:
        connection.close()


class _Manager(KafkaConnectionManager):  # type: ignore[misc]  # the client is untyped
    """Tells of each connection whether it came about."""

    def __init__(self, net: NetworkSelector, told: Connection, **settings: Any) -> None:
        super().__init__(net, **settings)
        self._told = told

    def get_connection(self, node_id: Any, **options: Any) -> Any:
        known = self._conns.get(node_id)
        connection = super().get_connection(node_id, **options)
        if connection is not known:
            connection.init_future.add_callback(lambda _: self._told.succeeded(node_id))
            connection.init_future.add_errback(self._told.failed)
        return connection

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        """See to it that what came just before the end of a connection is read: it says why the broker ended it."""
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        transport._sock_recv = partial(_received, transport._sock_recv)
        return transport


def _received(receive: Callable[[], tuple[bytes, BaseException | None]]) -> tuple[bytes, BaseException | None]:
    """Leave the end to the next call, which meets it again; the client would throw away what came with it."""
    data, end = receive()
    return (data, None) if data else (data, end)


class _Context:
    """Stands for an `ssl.SSLContext`: files are read anew for each connection, a handshake has to end in time."""

    def __init__(self, security: KafkaSecurity) -> None:
        self._security = security
        self.net: Any = None

    def wrap_socket(self, connection: Any, **options: Any) -> ssl.SSLSocket:
        wrapped = client_context(self._security).wrap_socket(connection, **options)
        self.net.call_later(_HANDSHAKE_S, lambda: _end_handshake(wrapped))
        return wrapped


def _end_handshake(connection: ssl.SSLSocket) -> None:
    if connection.version() is None:
        with suppress(OSError):  # it may be closed by now
            socket.shutdown(connection, SHUT_RDWR)  # the one below TLS: the handshake meets the end of its connection


def _security(security: KafkaSecurity) -> dict[str, Any]:
    settings: dict[str, Any] = {"security_protocol": security.protocol or "PLAINTEXT"}
    if security.is_encrypted:
        settings["ssl_context"] = _Context(security)
    if security.has_login:
        settings["sasl_mechanism"] = security.mechanism
        settings["sasl_plain_username"] = security.user
        settings["sasl_plain_password"] = security.password
    return settings


class _Scram(SaslMechanismScram):  # type: ignore[misc]  # the client is untyped
    def __init__(self, **settings: Any) -> None:
        super().__init__(**_revealed(settings))


class _Plain(SaslMechanismPlain):  # type: ignore[misc]  # the client is untyped
    def __init__(self, **settings: Any) -> None:
        super().__init__(**_revealed(settings))


def _revealed(settings: dict[str, Any]) -> dict[str, Any]:
    """Look the password up for this login."""
    password = settings["sasl_plain_password"]
    return {**settings, "sasl_plain_password": password.reveal() if isinstance(password, Secret) else password}


for _name, _mechanism in (("SCRAM-SHA-256", _Scram), ("SCRAM-SHA-512", _Scram), ("PLAIN", _Plain)):
    register_sasl_mechanism(_name, _mechanism, overwrite=True)
