"""A throw-away certificate authority: certificates, keys and key stores for one test session."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)
_EVERY_USE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
STORE_PASSWORD = "store-password"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, each in a PEM file of its own."""

    certificate: Path
    key: Path

    def encrypted_key(self, password: str) -> Path:
        """Return a copy of the key that takes a password."""
        path = self.key.with_suffix(".encrypted.key")
        key = load_pem_private_key(self.key.read_bytes(), None)
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
        )
        path.chmod(0o600)
        return path

    def store(self) -> Path:
        """Return a key store for Java, with `STORE_PASSWORD`; PostgreSQL's driver looks for the name `user`."""
        path = self.certificate.with_suffix(".p12")
        key = load_pem_private_key(self.key.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        encryption = BestAvailableEncryption(STORE_PASSWORD.encode())
        path.write_bytes(pkcs12.serialize_key_and_certificates(b"user", key, certificate, None, encryption))
        return path


class Authority:
    """Issues certificates into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(f"authority {folder.name}")
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._builder(self._name, self._key.public_key(), -_DAY, 30 * _DAY)
        certificate = builder.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256())
        self.ca.write_bytes(certificate.public_bytes(Encoding.PEM))
        self._certificate = certificate

    def issue(self, name: str, hosts: Sequence[str] = ("127.0.0.1",), *, expired: bool = False) -> Identity:
        """Issue a certificate for hosts (names or addresses), or for none; `name` is also that of a user."""
        key = ec.generate_private_key(ec.SECP256R1())
        since, until = (-3 * _DAY, -_DAY) if expired else (-_DAY, 10 * _DAY)
        builder = self._builder(_named(name), key.public_key(), since, until).add_extension(_EVERY_USE, critical=False)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        identity = Identity(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        identity.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        identity.key.chmod(0o600)  # PostgreSQL takes no other
        return identity

    def trust_store(self) -> Path:
        """Return a store with the authority's certificate for Java, with `STORE_PASSWORD`."""
        path = self.folder / "ca.p12"
        trusted = [pkcs12.PKCS12Certificate(self._certificate, b"authority")]
        encryption = BestAvailableEncryption(STORE_PASSWORD.encode())
        path.write_bytes(pkcs12.serialize_java_truststore(trusted, encryption))
        return path

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        since: datetime.timedelta,
        until: datetime.timedelta,
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + since)
            .not_valid_after(now + until)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
