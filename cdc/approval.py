"""Whether a version of the dictionary is approved: detached Ed25519 signatures over the digest of its content.

A signature is a file `signatures/DIGEST.SIGNER.MEANING.json` (12 characters of the digest):

    {"statement": {"dictionary": ..., "version": ..., "digest": ..., "signer": ..., "role": ..., "meaning": ...,
                   "time": "2026-03-02T08:00:00+00:00"},
     "signature": "base64 of the 64 bytes of RFC 8032"}

Signed are the bytes `cdc-dictionary-signature-v1`, a line end, the statement as JSON (sorted keys, no blanks, UTF-8).
The key does not stand in it: whom to trust, in which role and with which key is what the settings say. The meaning is
that of 21 CFR 11.50: authorship, review, approval. Who wrote a version is whom it names, by the name that the settings
have for a signer, and whoever signs its authorship; what they sign besides is no approval of it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec

from cdc.config import Approval, Settings, Signer
from cdc.errors import FatalError
from transforms.load import PACKAGED
from transforms.model import Dictionary

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Meaning = Literal["authorship", "review", "approval"]
MEANINGS: Final = get_args(Meaning)
_DOMAIN: Final = b"cdc-dictionary-signature-v1\n"


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody signs: this content, as who, meaning what, when (ISO 8601 with offset)."""

    dictionary: str
    version: str
    digest: str
    signer: str
    role: str
    meaning: str
    time: str

    def message(self) -> bytes:
        """Return the bytes that are signed."""
        fields = msgspec.to_builtins(self)
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return _DOMAIN + text.encode()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    statement: Statement
    signature: str


@dataclass(frozen=True, slots=True)
class Signature:
    """One file of signatures. `fault` None: it is valid for this content; else why it does not count."""

    file: str
    statement: Statement | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is there for a version, and what it still needs; nothing `missing` is approved."""

    signatures: tuple[Signature, ...]
    missing: tuple[str, ...]


def require_approved(settings: Settings, dictionary: Dictionary, kept: Mapping[str, str] | None = None) -> None:
    """Raise DRV-108 when the settings ask for an approved version and this is none.

    `kept` are signature files that are not in the folder any more, name to text. A dictionary without mappings says
    nothing about any row: there is nothing to approve.
    """
    if settings.approval.required and dictionary.mappings:
        folder = signature_folder(settings.approval, settings.folders.dictionary)
        missing = standing(settings.approval, dictionary, folder, kept).missing
        if missing:
            name = f"{dictionary.name} {dictionary.version} ({dictionary.digest[:12]})"
            raise FatalError("DRV-108", name + "".join(f"\n  {what}" for what in missing))


def in_words(settings: Settings, dictionary: Dictionary) -> str:
    """Return `approved by NAME (ROLE), ...` or `not approved`, for the record of who put a version in force."""
    found = standing(settings.approval, dictionary, signature_folder(settings.approval, settings.folders.dictionary))
    if found.missing:
        return "not approved"
    valid = [one.statement for one in found.signatures if one.statement and one.fault is None]
    told = (f"{one.signer} ({one.role})" for one in _approvals(settings.approval, dictionary, valid))
    return "approved by " + ", ".join(told)


def signature_folder(approval: Approval, dictionary: Path | None) -> Path:
    """Return where the signatures of the dictionary in a folder are (None: of the packaged one)."""
    return approval.signatures or (dictionary or PACKAGED) / "signatures"


def signature_texts(folder: Path, digest: str) -> dict[str, str]:
    """Return the signature files of one version that are text, by name: what is kept with the version itself."""
    return {path.name: path.read_text(errors="replace") for path in sorted(folder.glob(f"{digest[:12]}.*.json"))}


def standing(
    approval: Approval, dictionary: Dictionary, folder: Path, kept: Mapping[str, str] | None = None
) -> Standing:
    """Return what the signatures in `folder`, and those that were kept, are worth for this content."""
    files = {name: text.encode() for name, text in (kept or {}).items()}
    files |= {path.name: _bytes(path) for path in folder.glob("*.json")}
    found = tuple(_read(name, files[name], approval.signers, dictionary.digest) for name in sorted(files))
    valid = [one.statement for one in found if one.statement and one.fault is None]
    return Standing(found, tuple(_missing(approval, dictionary, valid)))


def sign(statement: Statement, key: Ed25519PrivateKey, folder: Path) -> Path:
    """Write the signature of a statement; return its file. Raises DRV-109 when it is there already."""
    signature = base64.b64encode(key.sign(statement.message())).decode()
    path = folder / f"{statement.digest[:12]}.{statement.signer}.{statement.meaning}.json"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_File(statement, signature)), indent=2) + b"\n")
    except FileExistsError:
        raise FatalError("DRV-109", f"{statement.signer} has signed this content: {path}") from None
    return path


def read_public_key(path: Path) -> Ed25519PublicKey | None:
    """Return the public key of a PEM file, None when there is none of Ed25519."""
    # Loaded where it is needed: what is derived without approval does without it.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PublicKey) else None


def _missing(approval: Approval, dictionary: Dictionary, valid: list[Statement]) -> Iterator[str]:
    author = dictionary.author.strip()
    if dictionary.status != "approved":
        yield f"its status is {dictionary.status}: write `status: approved`, which is a part of what is signed"
    if not author:
        yield "dictionary.yaml names no author: who wrote it must not be the only one who approves it"
    if not approval.signers:
        yield "the settings trust nobody: approval.signers"
    elif author and not _named(author, approval.signers):
        yield f"its author {author} is none of approval.signers: without that name nobody can be told from the author"
    yield from _missing_roles(approval, dictionary, valid)
    if not any(_approvals(approval, dictionary, valid)):
        yield f"no valid approval by anybody but the author{author and f' {author}'}"


def _missing_roles(approval: Approval, dictionary: Dictionary, valid: list[Statement]) -> Iterator[str]:
    """Yield the roles that have not signed. That of the author has by any signature, the others by those of others."""
    authors = _authors(approval, dictionary, valid)
    own = {approval.signers[name].role for name in _named(dictionary.author, approval.signers)}
    looked = {one.role for one in valid if one.meaning != "authorship" and one.signer not in authors}
    signed = {one.role for one in valid}
    for role in approval.roles:
        if role in own and role not in signed:
            yield f"no valid signature by role {role}"
        if role not in own and role not in looked:
            yield f"no valid review or approval by role {role}"


def _approvals(approval: Approval, dictionary: Dictionary, valid: list[Statement]) -> Iterator[Statement]:
    """Yield the approvals that count: nobody approves what he wrote."""
    authors = _authors(approval, dictionary, valid)
    yield from (one for one in valid if one.meaning == "approval" and one.signer not in authors)


def _authors(approval: Approval, dictionary: Dictionary, valid: list[Statement]) -> set[str]:
    """Return the signers who wrote it: whom it names, and who has signed that he did."""
    return {one.signer for one in valid if one.meaning == "authorship"} | _named(dictionary.author, approval.signers)


def _named(author: str, signers: Iterable[str]) -> set[str]:
    """Return the signers of that name; none where it is a name that the settings do not have."""
    return {name for name in signers if name.casefold() == author.strip().casefold()}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # is no signature file


def _read(name: str, content: bytes, signers: Mapping[str, Signer], digest: str) -> Signature:
    try:
        read = msgspec.json.decode(content, type=_File)
        signature = base64.b64decode(read.signature, validate=True)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error):
        return Signature(name, None, "is no signature file")
    return Signature(name, read.statement, _fault(read.statement, signature, signers, digest))


def _fault(statement: Statement, signature: bytes, signers: Mapping[str, Signer], digest: str) -> str | None:
    signer = signers.get(statement.signer)
    if signer is None:
        return "the settings do not trust this signer"
    if statement.role != signer.role:
        return f"the signer's role is {signer.role} in the settings"
    if statement.meaning not in MEANINGS:
        return f"the meaning is none of {', '.join(MEANINGS)}"
    shared = _shared_key(statement.signer, signers)
    if shared:
        return shared
    if not _is_signed(statement, signature, signer.key):
        return "the signature is not that of the signer's key"
    return None if statement.digest == digest else "it is of other content"


def _shared_key(name: str, signers: Mapping[str, Signer]) -> str | None:
    """Who has the key of another one is no second person."""
    own = _raw(signers[name].key)
    if own is None:
        return f"no Ed25519 public key in {signers[name].key}"
    others = [other for other in signers if other != name and _raw(signers[other].key) == own]
    return f"the key is that of {others[0]}, too" if others else None


def _raw(path: Path) -> bytes | None:
    key = read_public_key(path)
    return key.public_bytes_raw() if key else None


def _is_signed(statement: Statement, signature: bytes, path: Path) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - as above

    key = read_public_key(path)
    try:
        if key is not None:
            key.verify(signature, statement.message())
            return True
    except InvalidSignature:
        pass
    return False
