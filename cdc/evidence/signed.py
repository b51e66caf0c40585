"""A file that is signed: Ed25519 (RFC 8032) over its bytes, beside it, to be verified without this software."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cdc.errors import FatalError


def sign_file(path: Path, key: Path) -> Path:
    """Sign a file by a private key (PEM); return the file of the signature. Raises FatalError EVD-116 as below."""
    signature = path.with_name(f"{path.name}.sig")
    with signature.open("wb") as file:  # on the disk before what it signs is let go elsewhere
        file.write(read_private_key(key).sign(path.read_bytes()))
        file.flush()
        os.fsync(file.fileno())
    return signature


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Return a private key (PEM, without a password). Raises FatalError EVD-116 for what is no such key."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise FatalError("EVD-116", f"{path}: {type(error).__name__}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FatalError("EVD-116", f"{path}: not an Ed25519 key")
    return key
