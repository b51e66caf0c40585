"""What is said of TLS that went wrong, wherever libraries keep the cause."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from cdc.reference import Secret
from cdc.tls import UnusableError, Verify, client_context, fault_of, unverified_context
from tests.authority import Authority


@dataclass(frozen=True)
class Trust:
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None
    verify: Verify = "full"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "own")


def failed(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] text")
    error.reason = reason
    return error


def test_names_are_verified_unless_said_otherwise(authority: Authority) -> None:
    strict, lax = client_context(Trust(authority.ca)), client_context(Trust(authority.ca, verify="ca"))
    assert (strict.check_hostname, strict.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert (lax.check_hostname, lax.verify_mode) == (False, ssl.CERT_REQUIRED)
    assert strict.minimum_version == ssl.TLSVersion.TLSv1_2
    assert unverified_context(Trust()).verify_mode == ssl.CERT_NONE


def test_files_that_are_not_usable_are_named(authority: Authority, tmp_path: Path) -> None:
    own = authority.issue("own")
    other = authority.issue("other")
    (tmp_path / "junk").write_text("junk")
    secret = Secret("canary")
    for trust, said in (
        (Trust(tmp_path / "nowhere"), "nowhere cannot be read (FileNotFoundError)"),
        (Trust(tmp_path / "junk"), "junk holds no certificate"),
        (Trust(certificate=own.certificate, key=other.key), "own.pem and its key are not usable: key values mismatch"),
        (Trust(certificate=tmp_path / "nowhere"), "nowhere cannot be read"),
        (Trust(certificate=own.certificate, key=own.encrypted_key("x")), "own.pem and its key are not usable"),
        (Trust(certificate=own.certificate, key=own.encrypted_key("x"), key_password=secret), "are not usable"),
        (
            Trust(certificate=own.certificate, key=own.key, key_password=Secret.behind("${env:NOBODY}", {})),
            "environment variable NOBODY is not set",
        ),
    ):
        with pytest.raises(UnusableError) as refused:
            client_context(trust)
        assert said in str(refused.value)
        assert "canary" not in str(refused.value)
    client_context(Trust(certificate=own.certificate, key=own.encrypted_key("x"), key_password=Secret("x")))


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "it does not accept us, its alert is: certificate required"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "it does not accept us, its alert is: bad certificate"),
        ("WRONG_VERSION_NUMBER", "no TLS connection: wrong version number"),
    ],
)
def test_a_fault_is_found_wherever_it_is_kept(reason: str, said: str) -> None:
    as_argument = ConnectionError(failed(reason))
    as_attribute = ConnectionError("lost")
    as_attribute.original_exception = failed(reason)  # type: ignore[attr-defined]
    try:
        try:
            raise failed(reason)
        except ssl.SSLError as error:
            raise ConnectionError("lost") from error
    except ConnectionError as error:
        as_cause = error
    assert [fault_of(error) for error in (as_argument, as_attribute, as_cause)] == [said] * 3


def test_a_connection_that_ended_is_no_fault() -> None:
    assert fault_of(ssl.SSLEOFError(8, "EOF occurred")) is None
    assert fault_of(ConnectionResetError()) is None
