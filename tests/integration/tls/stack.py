"""A stack on which nothing is open: every listener is TLS, the broker refuses what no rule allows.

The names that certificates are issued for are also those of the broker's users: `broker`, `admin`.
"""

from __future__ import annotations

import dataclasses
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka.admin import ACLFilter, KafkaAdminClient, ResourceType, UserScramCredentialUpsertion

from compose.local.connect import ConnectWorker
from compose.local.databases import mes_server, target_server
from compose.local.env import PORTS, environment
from compose.local.kafka import Broker
from compose.local.mariadb import MariaDbServer
from compose.local.postgres import PostgresServer
from compose.local.service import Service, bring_up
from tests.authority import STORE_PASSWORD, Authority, Identity
from tests.integration.tls.rules import rule, rules

_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
PLAIN_PASSWORD = "canary-plain"
_LISTENERS = ("MTLS", "LOGIN", "EXPIRED")
# A client has to log in again after this time: a password that was changed shows.
REAUTHENTICATION_S = 3


@dataclass(frozen=True, slots=True)
class SecuredStack:
    """Services and what is needed to use them. `env` names ports and accounts as that of the plain stack does."""

    env: Mapping[str, str]
    authority: Authority
    stranger: Authority
    ports: Mapping[str, int] = field(default_factory=lambda: dict(zip(_LISTENERS, _free_ports(3), strict=True)))

    @property
    def local(self) -> Path:
        """The folder of all data."""
        return Path(self.env["CDC_LOCAL"])

    @property
    def secrets(self) -> Path:
        """The folder from which Kafka Connect may read."""
        return self.local / "secrets"

    def services(self) -> dict[str, Service]:
        """Return the services by name, those first that others need."""
        services = (self.broker(), self.connect(), self.erp(), self.mes(), self.target())
        return {service.name: service for service in services}

    def broker(self) -> Broker:
        """Return the broker: certificates at one listener, passwords at another, and one that was forgotten."""
        listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in self.ports.items())
        controller = int(self.env["CDC_PORT_CONTROLLER"])
        settings = {
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,MTLS:SSL,LOGIN:SASL_SSL,EXPIRED:SSL",
            "inter.broker.listener.name": "MTLS",
            **_pem("", self.authority, self.issued("broker")),
            **_pem("listener.name.expired.", self.authority, self.issued("forgotten", expired=True)),
            "listener.name.mtls.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+)$/$1/,DEFAULT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.login.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
            "listener.name.login.plain.sasl.jaas.config": f'{_PLAIN} required user_cdc="{PLAIN_PASSWORD}";',
            "connections.max.reauth.ms": str(REAUTHENTICATION_S * 1000),
            "allow.everyone.if.no.acl.found": "false",
            # The controller's port is for the process itself.
            "super.users": "User:broker;User:admin;User:ANONYMOUS",
        }
        jars = Path(self.env["CDC_JARS"])
        return Broker(self.local, jars, self.ports["MTLS"], controller, self.env, settings, self.kafka_admin())

    def connect(self) -> ConnectWorker:
        """Return the Connect worker: it logs in at the broker, and wants certificates at its REST interface."""
        port = int(self.env["CDC_PORT_CONNECT"])
        login = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.jaas.config": f'{_SCRAM} required username="connect" password="{self.password("connect")}";',
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.ca),
        }
        rest = {
            "keystore": self.issued("connect").store(),
            "truststore": self.authority.trust_store(),
        }
        settings = {
            **{
                f"{client}{name}": value
                for client in ("", "producer.", "consumer.", "admin.")
                for name, value in login.items()
            },
            "listeners": f"https://127.0.0.1:{port}",
            "listeners.https.ssl.client.auth": "required",
            **{f"listeners.https.ssl.{kind}.location": str(path) for kind, path in rest.items()},
            **{f"listeners.https.ssl.{kind}.type": "PKCS12" for kind in rest},
            **{f"listeners.https.ssl.{kind}.password": STORE_PASSWORD for kind in rest},
            "listeners.https.ssl.key.password": STORE_PASSWORD,
        }
        context = ssl.create_default_context(cafile=str(self.authority.ca))
        admin = self.issued("admin")
        context.load_cert_chain(admin.certificate, admin.key)
        bootstrap = f"127.0.0.1:{self.ports['LOGIN']}"
        jars = Path(self.env["CDC_JARS"])
        return ConnectWorker(self.local, jars, port, bootstrap, self.env, settings, {"verify": context})

    def erp(self) -> MariaDbServer:
        """Return the MariaDB source."""
        # For an address the connector's log reader verifies the name that the resolver has for it.
        own = self.issued("erp", "localhost")
        settings = {
            "ssl-ca": str(self.authority.ca),
            "ssl-cert": str(own.certificate),
            "ssl-key": str(own.key),
            "require-secure-transport": "ON",
        }
        return MariaDbServer(self.local, int(self.env["CDC_ERP_PORT"]), self.env, settings)

    def mes(self) -> PostgresServer:
        """Return the PostgreSQL source."""
        return self._postgresql(mes_server(self.env))

    def target(self) -> PostgresServer:
        """Return the target; the service has to show a certificate of its own."""
        return self._postgresql(target_server(self.env))

    def start(self) -> None:
        """Start everything; the broker's users and rules are there before anybody needs them."""
        with ThreadPoolExecutor() as pool:
            databases = [pool.submit(self._start_postgresql, server) for server in (self.mes(), self.target())]
            databases.append(pool.submit(_start, self.erp()))
            _start(self.broker())
            for user in ("cdc", "connect"):
                self.set_kafka_password(user, self.password(user))
            with closing(KafkaAdminClient(bootstrap_servers=self.kafka_address("MTLS"), **self.kafka_admin())) as admin:
                admin.create_acls(rules())
            _start(self.connect())
            for database in databases:
                database.result()

    def stop(self) -> None:
        """Stop everything, Connect first."""
        for name in ("connect", "kafka", "erp", "mes", "target"):
            self.services()[name].daemon().stop()

    def password(self, user: str) -> str:
        """Return the first password of a user of the broker."""
        return f"canary-kafka-{user}"

    def kafka_address(self, listener: str) -> str:
        """Return host and port of a listener."""
        return f"127.0.0.1:{self.ports[listener]}"

    def kafka_admin(self) -> dict[str, Any]:
        """Return the settings of an administrator's client, for the listener with certificates."""
        admin = self.issued("admin")
        files = {"ssl_cafile": self.authority.ca, "ssl_certfile": admin.certificate, "ssl_keyfile": admin.key}
        return {"security_protocol": "SSL", **{name: str(path) for name, path in files.items()}}

    def set_kafka_password(self, user: str, password: str, mechanism: str = "SCRAM-SHA-512") -> None:
        """Change a password of the broker."""
        credential = UserScramCredentialUpsertion(user, mechanism, password)
        with closing(KafkaAdminClient(bootstrap_servers=self.kafka_address("MTLS"), **self.kafka_admin())) as admin:
            admin.alter_user_scram_credentials([credential])

    @contextmanager
    def without_right(self, user: str, kind: ResourceType, name: str, operation: str) -> Iterator[None]:
        """Take a right from a user for a while."""
        right = rule(user, kind, name, operation)
        pattern = ACLFilter(right.principal, right.host, right.operation, right.permission_type, right.resource_pattern)
        with closing(KafkaAdminClient(bootstrap_servers=self.kafka_address("MTLS"), **self.kafka_admin())) as admin:
            admin.delete_acls([pattern])
            try:
                yield
            finally:
                admin.create_acls([right])

    def _postgresql(self, server: PostgresServer) -> PostgresServer:
        own = self.issued(server.name)
        tls = {"ssl_cert_file": own.certificate, "ssl_key_file": own.key, "ssl_ca_file": self.authority.ca}
        settings = {**server.settings, "ssl": "on", **{name: str(path) for name, path in tls.items()}}
        client = self.issued("cdc")
        files = {"sslrootcert": self.authority.ca, "sslcert": client.certificate, "sslkey": client.key}
        parameters = {"sslmode": "verify-full", **{name: str(path) for name, path in files.items()}}
        return dataclasses.replace(server, settings=settings, client=parameters)

    def _start_postgresql(self, server: PostgresServer) -> None:
        server.prepare()
        (server.folder / "pg_hba.conf").write_text(
            # Whoever writes the target, or reads the source, has to show a certificate of his own name, too.
            "hostssl all cdc,capture 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n"
            "hostssl replication capture 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n"
            "hostssl all all 127.0.0.1/32 scram-sha-256\n"
        )
        _start(server)

    def issued(self, name: str, host: str = "127.0.0.1", *, expired: bool = False) -> Identity:
        """Return the certificate of that name; issued once."""
        identity = Identity(self.authority.folder / f"{name}.pem", self.authority.folder / f"{name}.key")
        return identity if identity.certificate.exists() else self.authority.issue(name, (host,), expired=expired)


@contextmanager
def secured_stack(local: Path, jars: Mapping[str, str]) -> Iterator[SecuredStack]:
    """Start a stack with an authority of its own; nothing of it is left."""
    ports = {name: str(port) for name, port in zip(PORTS, _free_ports(len(PORTS)), strict=True)}
    folder = local / "secrets" / "tls"
    env = environment({"CDC_LOCAL": str(local), **jars, **ports})
    stack = SecuredStack(env, Authority(folder / "own"), Authority(folder / "stranger"))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def _start(service: Service) -> None:
    bring_up(service, 120, threading.Event())


def _pem(prefix: str, authority: Authority, identity: Identity) -> dict[str, str]:
    """Return what a listener of the broker shows, and whom it trusts."""
    both = identity.certificate.with_suffix(".both.pem")
    both.write_bytes(identity.key.read_bytes() + identity.certificate.read_bytes())
    return {
        f"{prefix}ssl.keystore.type": "PEM",
        f"{prefix}ssl.keystore.location": str(both),
        f"{prefix}ssl.truststore.type": "PEM",
        f"{prefix}ssl.truststore.location": str(authority.ca),
    }


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
