"""Where the service connects to, as whom, and how it makes sure that it is there: groups of the settings.

Whatever goes over a network is encrypted and the other side proves its name, unless a weaker mode is written down.
Loopback addresses are no network: they need nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

from cdc.reference import Secret, UnresolvedError
from cdc.tls import Trust, Verify

SslMode = Literal["verify-full", "verify-ca", "require", "disable"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]
Fault = tuple[tuple[str, ...], str]
"""An entry, as the names that lead to it, and what is wrong with it."""

# What cannot stand between the quotes of a Java login configuration, where Kafka Connect puts a password.
_NOT_IN_QUOTES = ('"', "\\", "\n", "\r")


@dataclass(frozen=True, slots=True)
class Target:
    """The PostgreSQL database that receives everything; encryption under the names that PostgreSQL's clients have."""

    host: str
    port: int
    database: str
    user: str
    password: Secret
    sslmode: SslMode | None = None
    sslrootcert: Path | None = None
    sslcert: Path | None = None
    sslkey: Path | None = None
    sslpassword: Secret | None = None

    @property
    def encryption(self) -> SslMode:
        """The mode in force."""
        is_plain = is_loopback(self.host) and self.sslrootcert is None and self.sslcert is None
        return self.sslmode or ("disable" if is_plain else "verify-full")


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How one is let in by the brokers. Certificates and keys are PEM files; mechanism, user, password are SASL's."""

    protocol: SecurityProtocol | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None
    verify: Verify = "full"
    mechanism: Mechanism | None = None
    user: str | None = None
    password: Secret | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether connections are TLS."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def has_login(self) -> bool:
        """Whether connections log in with user and password."""
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")


class Brokers(Protocol):
    """The brokers, `host:port[,host:port]`, and how one is let in."""

    @property
    def bootstrap(self) -> str: ...  # noqa: D102 - as above
    @property
    def security(self) -> KafkaSecurity: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ConnectorsKafka:
    """The brokers as the connectors' own clients see them: files and references are those of Connect's machine."""

    bootstrap: str
    security: KafkaSecurity = field(default_factory=KafkaSecurity)


@dataclass(frozen=True, slots=True)
class Kafka:
    """The brokers; `connectors` says what is different for the connectors' own clients, None nothing."""

    bootstrap: str
    security: KafkaSecurity = field(default_factory=KafkaSecurity)
    connectors: ConnectorsKafka | None = None

    @property
    def for_connectors(self) -> Brokers:
        """The brokers as connectors see them."""
        return self.connectors or self


@dataclass(frozen=True, slots=True)
class Connect:
    """Kafka Connect's REST interface. Certificate and key are PEM files; user and password, if any, are HTTP's."""

    url: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None
    verify: Verify = "full"
    user: str | None = None
    password: Secret | None = None


def is_loopback(host: str) -> bool:
    """Tell whether a host is this very machine, so that nothing goes over a network (a path is a socket's)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.startswith("/")


def target_faults(target: Target) -> Iterator[Fault]:
    """Yield what does not fit together in `target`."""
    entry = ("target",)
    if not 1 <= target.port <= 65535:
        yield (*entry, "port"), "is not a port"
    if target.encryption in ("verify-full", "verify-ca") and target.sslrootcert is None:
        yield (
            (*entry, "sslrootcert"),
            f"is missing: sslmode is {target.encryption}; name the authority's file, or a weaker sslmode",
        )
    files = {"sslrootcert": target.sslrootcert, "sslcert": target.sslcert, "sslkey": target.sslkey}
    if target.encryption == "disable":
        yield from _useless(entry, files, "sslmode is disable")
    if (target.sslcert is None) != (target.sslkey is None):
        yield (*entry, "sslcert"), "and sslkey belong together"
    yield from _unreadable(entry, files)


def kafka_faults(kafka: Kafka) -> Iterator[Fault]:
    """Yield what does not fit together in `kafka`."""
    yield from _security_faults(("kafka", "security"), kafka.bootstrap, kafka.security)
    files = {"ca": kafka.security.ca, "certificate": kafka.security.certificate, "key": kafka.security.key}
    yield from _unreadable(("kafka", "security"), files)
    if kafka.connectors is None:
        yield from _unquotable(("kafka", "security", "password"), kafka.security.password)
    else:
        entry = ("kafka", "connectors", "security")
        yield from _security_faults(entry, kafka.connectors.bootstrap, kafka.connectors.security)


def connect_faults(connect: Connect) -> Iterator[Fault]:
    """Yield what does not fit together in `connect`."""
    entry = ("connect",)
    url = urlsplit(connect.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        yield (*entry, "url"), "is not http://HOST:PORT or https://HOST:PORT"
    if url.username is not None or url.password is not None:
        yield (*entry, "url"), "holds a login: write it under user and password"
    files = {"ca": connect.ca, "certificate": connect.certificate, "key": connect.key}
    if url.scheme == "http":
        yield from _useless(entry, files, "url is http")
    if (connect.user is None) != (connect.password is None):
        yield (*entry, "user"), "and password belong together"
    yield from _key_faults(entry, connect)
    yield from _unreadable(entry, files)


def _security_faults(entry: tuple[str, ...], bootstrap: str, security: KafkaSecurity) -> Iterator[Fault]:
    hosts = [server.strip().rpartition(":")[0].strip("[]") for server in bootstrap.split(",")]
    if security.protocol is None and not all(map(is_loopback, hosts)):
        yield (*entry, "protocol"), "is missing: SASL_SSL, SSL, SASL_PLAINTEXT or PLAINTEXT has to be named"
    said = f"protocol is {security.protocol or 'PLAINTEXT'}"
    if not security.is_encrypted:
        files = {"ca": security.ca, "certificate": security.certificate, "key": security.key}
        yield from _useless(entry, files, said)
    login = {"mechanism": security.mechanism, "user": security.user, "password": security.password}
    if security.has_login:
        yield from (((*entry, name), f"is missing: {said}") for name, value in login.items() if value is None)
    else:
        yield from _useless(entry, login, said)
    yield from _key_faults(entry, security)


def _key_faults(entry: tuple[str, ...], trust: Trust) -> Iterator[Fault]:
    """A key may stand in the file of its certificate."""
    if trust.certificate is None and (trust.key is not None or trust.key_password is not None):
        yield (*entry, "certificate"), "is missing, there is a key"


def _useless(entry: tuple[str, ...], values: Mapping[str, object], why: str) -> Iterator[Fault]:
    yield from (((*entry, name), f"is of no use: {why}") for name, value in values.items() if value is not None)


def _unreadable(entry: tuple[str, ...], files: Mapping[str, Path | None]) -> Iterator[Fault]:
    for name, path in files.items():
        if path is not None and not _is_readable(path):
            yield (*entry, name), f"is not a file that can be read: {path}"


def _is_readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


def _unquotable(entry: tuple[str, ...], secret: Secret | None) -> Iterator[Fault]:
    try:
        value = "" if secret is None else secret.reveal_for_connect()
    except UnresolvedError as error:
        yield entry, str(error)
        return
    if any(character in value for character in _NOT_IN_QUOTES):
        yield entry, "holds a quote, a backslash or a line break, which Kafka Connect cannot be given in a login"
