"""`cdc dictionary keygen`, `sign`, `verify`: who has approved a version of the dictionary."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from cdc import approval
from cdc.approval import Meaning, Signature, Statement, read_public_key, signature_folder, standing
from cdc.cli.context import Folder, folder_of, settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.config import Signer, environment
from cdc.errors import FatalError
from cdc.reference import UnresolvedError, is_reference, resolve
from transforms.load import load

Password = Annotated[
    str | None,
    typer.Option(
        metavar="REFERENCE",
        help="Password of the private key, by reference: ${env:NAME}, ${file:PATH:KEY} or ${dir:PATH:FILE}.",
    ),
]


def keygen(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The private key (PEM); the public one is FILE.pub.")],
    password: Password = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object: `private_key`, `public_key` (file names).")
    ] = False,
) -> None:
    """Make an Ed25519 key pair for signing dictionaries.

    The private key stays with its owner; the settings name the public one under `approval`. Nothing is overwritten.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(password))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    other = file.with_name(f"{file.name}.pub")
    taken = [path for path in (file, other) if path.exists()]
    if taken:
        raise FatalError("DRV-109", f"{taken[0]} exists: a key is never overwritten")
    _write(file, private, 0o600)
    _write(other, public, 0o644)
    if as_json:
        write_json({"private_key": str(file), "public_key": str(other)})
        return
    write_line(str(other))
    say(f"The private key is {file}. Name {other} in the settings: approval.signers.NAME.key, with a role.")


def sign(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The signer's private key (PEM, Ed25519).")],
    signer: Annotated[str, typer.Option(help="The signer's name in the settings (approval.signers).")],
    folder: Folder = None,
    meaning: Annotated[Meaning, typer.Option(help="What the signature means.")] = "approval",
    password: Password = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one object: `file`, dictionary, version, digest, signer, role, meaning, time."
        ),
    ] = False,
) -> None:
    """Sign this version of the dictionary: its content as it is now, with status `approved`.

    The signature is a file beside the dictionary (or in the folder approval.signatures); one changed byte voids it.
    """
    read = settings(context)
    where = folder_of(context, folder)
    if where is None and read.approval.signatures is None:
        raise FatalError("DRV-109", "the packaged dictionary has no place for signatures: name approval.signatures")
    dictionary = load(where)
    if dictionary.status != "approved":
        what = f"the status is {dictionary.status}: write `status: approved` first, it is a part of what is signed"
        raise FatalError("DRV-109", what)
    trusted = _trusted(signer, read.approval.signers.get(signer))
    private = _private_key(key, password, trusted)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    said = (dictionary.name, dictionary.version, dictionary.digest, signer, trusted.role, meaning, now)
    statement = Statement(*said)
    path = approval.sign(statement, private, signature_folder(read.approval, where))
    if as_json:
        write_json({"file": str(path), **msgspec.to_builtins(statement)})
        return
    write_line(str(path))
    say(f"{signer} ({trusted.role}) has signed {dictionary.name} {dictionary.version}: {meaning}.")
    _say_missing(standing(read.approval, dictionary, path.parent).missing)


def verify(
    context: typer.Context,
    folder: Folder = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `approved` (bool), dictionary, version, status, author, digest, `missing` (list of "
            "texts), `signatures`, a list of file, signer, role, meaning, time, fault (null if it counts).",
        ),
    ] = False,
) -> None:
    """Tell whether this version is approved, by whom, and what is missing.

    Exit code 0 if it is, 4 if it is not, 2 if the dictionary has faults.
    """
    read = settings(context)
    where = folder_of(context, folder)
    dictionary = load(where)
    found = standing(read.approval, dictionary, signature_folder(read.approval, where))
    if as_json:
        header = {"dictionary": dictionary.name, **{name: getattr(dictionary, name) for name in _HEADER}}
        listed = [_document(one) for one in found.signatures]
        write_json({"approved": not found.missing, **header, "missing": list(found.missing), "signatures": listed})
    else:
        rows = [tuple(_document(one).values()) for one in found.signatures]
        write_table("Signatures", ("file", *_SIGNED, "fault"), rows)
        say(f"{dictionary.name} {dictionary.version}, digest {dictionary.digest}")
        _say_missing(found.missing)
    raise typer.Exit(Exit.ATTENTION if found.missing else Exit.OK)


_HEADER = ("version", "status", "author", "digest")
_SIGNED = ("signer", "role", "meaning", "time")


def _document(found: Signature) -> dict[str, str | None]:
    signed = {name: getattr(found.statement, name, None) for name in _SIGNED}
    return {"file": found.file, **signed, "fault": found.fault}


def _say_missing(missing: tuple[str, ...]) -> None:
    say("Approved." if not missing else "Not approved:" + "".join(f"\n  {what}" for what in missing))


def _trusted(name: str, signer: Signer | None) -> Signer:
    if signer is None:
        raise FatalError("DRV-109", f"the settings have no signer {name} (approval.signers)")
    return signer


def _private_key(path: Path, password: str | None, signer: Signer) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), _password(password))
    except (OSError, ValueError, TypeError):
        raise FatalError("DRV-109", f"{path} is no private key that can be read, or its password is another") from None
    trusted = read_public_key(signer.key)
    if not isinstance(key, Ed25519PrivateKey) or trusted is None or key.public_key() != trusted:
        raise FatalError("DRV-109", f"{path} is not the Ed25519 key whose public half is {signer.key}")
    return key


def _encryption(password: str | None) -> KeySerializationEncryption:
    secret = _password(password)
    return NoEncryption() if secret is None else BestAvailableEncryption(secret)


def _password(reference: str | None) -> bytes | None:
    if reference is None:
        return None
    if not is_reference(reference):
        raise FatalError("DRV-109", "--password is no reference: a password does not belong on a command line")
    try:
        return resolve(reference, environment()).encode()
    except UnresolvedError as error:
        raise FatalError("DRV-109", str(error)) from None


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise FatalError("DRV-109", f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
