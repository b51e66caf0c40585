"""How the Kafka clients that a connector makes for itself are let in by the brokers, as Java's client takes it.

A connector's records go through the worker's own clients. Its table history and its signals do not: they have clients
of their own, which know nothing of the worker's settings. Secrets stay references, Kafka Connect resolves them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cdc.access import KafkaSecurity

_MODULES = {"PLAIN": "plain.PlainLoginModule"}
_SCRAM_MODULE = "scram.ScramLoginModule"


def client_security(security: KafkaSecurity, prefixes: Iterable[str]) -> dict[str, str]:
    """Return the settings for the clients whose settings begin with these prefixes; none for plain connections."""
    settings: dict[str, str] = {}
    if security.is_encrypted or security.has_login:
        settings["security.protocol"] = str(security.protocol)
    if security.is_encrypted:
        settings |= _encryption(security)
    if security.has_login:
        settings |= {"sasl.mechanism": str(security.mechanism), "sasl.jaas.config": _login(security)}
    return {f"{prefix}.{name}": value for prefix in prefixes for name, value in settings.items()}


def _encryption(security: KafkaSecurity) -> dict[str, str]:
    settings: dict[str, str] = {}
    if security.ca is not None:
        settings |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(security.ca)}
    if security.certificate is not None:
        settings |= {"ssl.keystore.type": "PEM", **_identity(security.certificate, security.key)}
    if security.key_password is not None:
        settings["ssl.key.password"] = str(security.key_password.reference)
    if security.verify == "ca":
        settings["ssl.endpoint.identification.algorithm"] = ""
    return settings


def _identity(certificate: Path, key: Path | None) -> dict[str, str]:
    """Java's client takes certificate and key from one file, or as texts."""
    if key is None:
        return {"ssl.keystore.location": str(certificate)}
    return {"ssl.keystore.certificate.chain": _text_of(certificate), "ssl.keystore.key": _text_of(key)}


def _text_of(path: Path) -> str:
    return f"${{dir:{path.parent}:{path.name}}}"


def _login(security: KafkaSecurity) -> str:
    module = _MODULES.get(str(security.mechanism), _SCRAM_MODULE)
    password = "" if security.password is None else security.password.reference
    name = f"org.apache.kafka.common.security.{module}"
    return f'{name} required username="{_quoted(str(security.user))}" password="{password}";'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
