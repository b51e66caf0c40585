"""Two small sources on the secured stack, `books` (MariaDB) and `plant` (PostgreSQL), and the service for them.

Every secret is a canary that stands in one file, which a test may write anew.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from cdc.properties import read_properties
from compose.local.env import process_environment
from tests.authority import STORE_PASSWORD
from tests.integration.service import Deployment
from tests.integration.tls.stack import SecuredStack

SETTINGS = """\
target:
  host: 127.0.0.1
  port: ${env:CDC_TARGET_PORT}
  database: cdc
  user: cdc
  password: ${file:SECRETS:target}
  sslrootcert: OWN/ca.pem
  sslcert: OWN/cdc.pem
  sslkey: OWN/cdc.encrypted.key
  sslpassword: ${file:SECRETS:key}
kafka:
  bootstrap: KAFKA
  security: {protocol: SASL_SSL, ca: OWN/ca.pem, mechanism: SCRAM-SHA-512, user: cdc, password: "${file:SECRETS:kafka}"}
  connectors:
    bootstrap: KAFKA
    security:
      protocol: SASL_SSL
      ca: OWN/ca.pem
      mechanism: SCRAM-SHA-512
      user: connect
      password: ${file:SECRETS:connect}
connect: {url: "https://127.0.0.1:${env:CDC_PORT_CONNECT}", ca: OWN/ca.pem, certificate: OWN/cdc.pem, key: OWN/cdc.key}
folders: {connector_configs: connector-configs, dictionary: dictionary}
land: {catalogue_every_s: 1}
observe:
  land_port: ${env:CDC_PORT_LAND}
  derive_port: ${env:CDC_PORT_DERIVE}
  watch_port: ${env:CDC_PORT_WATCH}
log: {level: debug}
"""
FILES = {
    "books": """\
kind: mariadb
host: localhost
port: ${env:CDC_ERP_PORT}
database: books
user: capture
password: ${file:SECRETS:books}
tls: {ca: OWN/ca.pem, truststore: OWN/ca.p12, truststore_password: "${file:SECRETS:store}"}
tables: [item]
""",
    "plant": """\
kind: postgresql
host: 127.0.0.1
port: ${env:CDC_MES_PORT}
database: plant
user: capture
password: ${file:SECRETS:plant}
tls:
  ca: OWN/ca.pem
  certificate: OWN/capture.pem
  key: OWN/capture.encrypted.key
  key_password: ${file:SECRETS:key}
  keystore: OWN/capture.p12
  keystore_password: ${file:SECRETS:store}
tables: [public.item]
""",
}
DICTIONARY = "dictionary: mine\nversion: '1'\nstatus: draft\n"
CANARY = "canary-"
KEY_PASSWORD = "canary-of-the-key"


def secret(name: str, number: int) -> str:
    """Return a password as people's programs make them: with a backslash, a colon and a blank at its end."""
    return f"{CANARY}{name}-{number}\\n:= "


@dataclass(frozen=True, slots=True)
class Plant:
    """The deployment with its sources, and those who administer the servers."""

    stack: SecuredStack
    deployment: Deployment
    books: pymysql.Connection[Any]
    plant: psycopg.Connection
    target: psycopg.Connection

    @classmethod
    def make(cls, stack: SecuredStack, folder: Path) -> Plant:
        """Create databases, accounts, files."""
        env = process_environment({**stack.env, "CDC_CONFIG": str(folder / "cdc.yaml")})
        (folder / "connector-configs").mkdir()
        (folder / "dictionary").mkdir()
        (folder / "dictionary" / "dictionary.yaml").write_text(DICTIONARY)
        plant = cls(stack, Deployment(folder, env), administer_books(stack), administer_plant(stack), as_dba(stack))
        plant.write("cdc.yaml", SETTINGS)
        for name, text in FILES.items():
            plant.write(f"connector-configs/{name}.yaml", text)
        capture = stack.authority.issue("capture", ())
        capture.store()
        capture.encrypted_key(KEY_PASSWORD)
        stack.issued("cdc").encrypted_key(KEY_PASSWORD)
        stack.stranger.issue("cdc", ())
        plant.set_secrets(
            key=KEY_PASSWORD,
            store=STORE_PASSWORD,
            kafka=stack.password("cdc"),
            connect=stack.password("connect"),
            **{name: secret(name, 1) for name in ("target", "books", "plant")},
        )
        for name in ("target", "books", "plant"):
            plant.set_password(name, secret(name, 1))
        return plant

    def write(self, name: str, text: str) -> None:
        """Write a file of the deployment."""
        places = {
            "OWN": str(self.stack.authority.folder),
            "STRANGER": str(self.stack.stranger.folder),
            "SECRETS": str(self._secrets),
            "KAFKA": self.stack.kafka_address("LOGIN"),
        }
        for mark, place in places.items():
            text = text.replace(mark, place)
        (self.deployment.folder / name).write_text(text)

    def set_secrets(self, **secrets: str) -> None:
        """Write secrets into the file, in one step, as a rotation does."""
        new = self._secrets.with_suffix(".new")
        written = {name: value.replace("\\", "\\\\") for name, value in {**self.secrets(), **secrets}.items()}
        new.write_text("".join(f"{name}={value}\n" for name, value in written.items()))
        new.replace(self._secrets)

    def secrets(self) -> Mapping[str, str]:
        """Return the secrets as they stand in the file."""
        return read_properties(self._secrets.read_text()) if self._secrets.exists() else {}

    def set_password(self, name: str, password: str) -> None:
        """Change the password of an account on its server: target, books or plant."""
        if name == "target":
            self.target.execute(f"ALTER ROLE cdc PASSWORD '{password}'".encode())
        elif name == "plant":
            self.plant.execute(f"ALTER ROLE capture PASSWORD '{password}'".encode())
        else:
            with self.books.cursor() as cursor:
                cursor.execute("ALTER USER capture@'%%' IDENTIFIED BY %s REQUIRE SSL", (password,))

    def insert(self, name: str, number: int) -> None:
        """Insert one row into a source."""
        statement = f"INSERT INTO item VALUES ({number}, 'part {number}')"
        if name == "plant":
            self.plant.execute(statement.encode())
        else:
            with self.books.cursor() as cursor:
                cursor.execute(statement)

    @property
    def _secrets(self) -> Path:
        return self.stack.secrets / "cdc.properties"


def administer_books(stack: SecuredStack) -> pymysql.Connection[Any]:
    """Create database and account of the MariaDB source; return its administrator's connection."""
    connection = pymysql.connect(
        host="localhost",
        port=int(stack.env["CDC_ERP_PORT"]),
        user=stack.env["CDC_ERP_DBA_USER"],
        password=stack.env["CDC_ERP_DBA_PASSWORD"],
        ssl=ssl.create_default_context(cafile=str(stack.authority.ca)),
        autocommit=True,
    )
    with connection.cursor() as cursor:
        for statement in (
            "CREATE DATABASE books",
            "USE books",
            "CREATE TABLE item (id int PRIMARY KEY, name varchar(40))",
            "INSERT INTO item VALUES (1, 'part 1')",
            "CREATE USER capture@'%'",
            "GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO capture@'%'",
        ):
            cursor.execute(statement)
    return connection


def administer_plant(stack: SecuredStack) -> psycopg.Connection:
    """Create database, role and publication of the PostgreSQL source; return its administrator's connection."""
    server = stack.mes()
    with psycopg.connect(server.dsn(server.superuser), autocommit=True) as connection:
        connection.execute("CREATE DATABASE plant")
    connection = psycopg.connect(server.dsn(server.superuser), dbname="plant", autocommit=True)
    for statement in (
        "CREATE TABLE item (id int PRIMARY KEY, name text)",
        "INSERT INTO item VALUES (1, 'part 1')",
        "CREATE ROLE capture LOGIN REPLICATION",
        "GRANT SELECT ON item TO capture",
        "CREATE PUBLICATION cdc FOR TABLE item",
    ):
        connection.execute(statement.encode())
    return connection


def as_dba(stack: SecuredStack) -> psycopg.Connection:
    """Connect to the target as its administrator."""
    server = stack.target()
    return psycopg.connect(server.dsn(server.superuser), autocommit=True)
