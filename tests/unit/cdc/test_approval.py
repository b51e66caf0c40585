"""Signatures of the dictionary: what makes a version approved, and all that does not."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cdc.approval import in_words, require_approved
from cdc.cli.main import execute
from cdc.config import load
from cdc.errors import FatalError
from transforms.load import load as load_dictionary

SETTINGS = """\
target: {host: 127.0.0.1, port: 9, database: cdc, user: cdc, password: "${env:NO}"}
kafka: {bootstrap: "127.0.0.1:9"}
connect: {url: "http://127.0.0.1:9"}
folders: {connector_configs: configs, dictionary: dictionary}
approval:
  roles: [author, quality]
  signers:
    zhang: {role: author, key: keys/zhang.pub}
    li: {role: quality, key: keys/li.pub}
    wang: {role: regulatory, key: keys/wang.pub}
"""
HEADER = 'dictionary: plant\nversion: "1"\nstatus: approved\nauthor: Zhang\nextends: med-device-core\n'
FIELD = "fields:\n  part_note: {label: {zh: 注, en: Note}, definition: d, type: string(40), owner: plant, example: n}\n"


class Plant:
    """A deployment whose dictionary three people can sign."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        for name in ("configs", "keys", "dictionary"):
            (folder / name).mkdir()
        (folder / "cdc.yaml").write_text(SETTINGS)
        (folder / "dictionary" / "dictionary.yaml").write_text(HEADER)
        (folder / "dictionary" / "fields.yaml").write_text(FIELD)
        for name in ("zhang", "li", "wang"):
            assert self.cdc("keygen", str(folder / "keys" / name)) == 0

    def cdc(self, *arguments: str) -> int:
        self._capsys.readouterr()
        code = execute(["dictionary", *arguments])
        shown = self._capsys.readouterr()
        self.out, self.err = shown.out, shown.err
        return code

    def sign(self, signer: str, *more: str, key: str = "") -> int:
        return self.cdc("sign", "--key", str(self.folder / "keys" / (key or signer)), "--signer", signer, *more)

    def change(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def verify(self) -> tuple[int, Any]:
        return self.cdc("verify", "--json"), json.loads(self.out)

    def missing(self) -> list[str]:
        code, document = self.verify()
        assert code == (4 if document["missing"] else 0)
        assert document["approved"] is not bool(document["missing"])
        return list(document["missing"])

    def signature(self, signer: str) -> Path:
        (path,) = (self.folder / "dictionary" / "signatures").glob(f"*.{signer}.*.json")
        return path


NO_AUTHOR, NO_QUALITY = "no valid signature by role author", "no valid review or approval by role quality"
NO_OTHER = "no valid approval by anybody but the author Zhang"


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Plant:
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.setenv("NO", "none")
    monkeypatch.setenv("KEY_PASSWORD", "of the key")
    return Plant(tmp_path, capsys)


@pytest.fixture
def approved(plant: Plant) -> Plant:
    assert plant.sign("zhang", "--meaning", "authorship") == 0
    assert plant.sign("li") == 0
    return plant


def test_a_version_is_approved_when_every_role_has_signed(plant: Plant) -> None:
    assert plant.missing() == [NO_AUTHOR, NO_QUALITY, NO_OTHER]
    assert plant.sign("zhang", "--meaning", "authorship", "--json") == 0
    document = json.loads(plant.out)
    assert (document["signer"], document["role"], document["meaning"]) == ("zhang", "author", "authorship")
    assert plant.missing() == [NO_QUALITY, NO_OTHER]
    assert plant.sign("li") == 0
    assert plant.err.endswith("Approved.\n")
    assert plant.missing() == []
    require_approved(load(), load_dictionary(plant.folder / "dictionary"))


def test_the_page_for_stewards_says_who_has_signed_and_what_is_missing(plant: Plant) -> None:
    assert plant.sign("zhang", "--meaning", "authorship") == 0
    assert plant.cdc("doc", "--json") == 0
    standing = json.loads(plant.out)["standing"]
    (signature,) = standing["signatures"]
    assert (signature["signer"], signature["role"], signature["meaning"]) == ("zhang", "author", "authorship")
    assert (signature["fault"], standing["missing"]) == (None, [NO_QUALITY, NO_OTHER])
    plant.change("dictionary/fields.yaml", "definition: d", "definition: e")
    assert plant.cdc("doc", "--json") == 0
    (signature,) = json.loads(plant.out)["standing"]["signatures"]
    assert signature["fault"]
    plant.signature("zhang").write_text("{}")
    assert plant.cdc("doc", "--json") == 0
    (signature,) = json.loads(plant.out)["standing"]["signatures"]
    assert signature["signer"].endswith(".json")
    assert signature["fault"]


def test_the_author_alone_does_not_approve(plant: Plant) -> None:
    plant.change("cdc.yaml", "roles: [author, quality]", "roles: [author]")
    assert plant.sign("zhang") == 0
    assert plant.missing() == [NO_OTHER]
    assert plant.sign("wang", "--meaning", "review") == 0
    assert plant.missing() == [NO_OTHER]  # a review is no approval
    assert plant.sign("wang") == 0
    assert plant.missing() == []


def test_who_is_named_otherwise_than_a_signer_may_be_any_of_them(plant: Plant) -> None:
    plant.change("dictionary/dictionary.yaml", "author: Zhang", "author: Zhang San")
    assert plant.sign("zhang") == 0
    assert plant.sign("li", "--meaning", "review") == 0
    assert plant.missing()[0].startswith("its author Zhang San is none of approval.signers")
    plant.change("dictionary/dictionary.yaml", "author: Zhang San", "author: ' ZHANG '")
    assert plant.missing() == [NO_AUTHOR, NO_QUALITY, "no valid approval by anybody but the author ZHANG"]


def test_the_author_does_not_approve_beside_a_review(plant: Plant) -> None:
    assert plant.sign("zhang") == 0
    assert plant.sign("li", "--meaning", "review") == 0
    assert plant.missing() == [NO_OTHER]
    assert plant.sign("wang") == 0
    assert plant.missing() == []


def test_who_has_signed_that_he_wrote_it_does_not_approve_it(plant: Plant) -> None:
    assert plant.sign("zhang", "--meaning", "authorship") == 0
    assert plant.sign("li", "--meaning", "authorship") == 0
    assert plant.missing() == [NO_QUALITY, NO_OTHER]
    assert plant.sign("li") == 0
    assert plant.missing() == [NO_QUALITY, NO_OTHER]
    assert plant.sign("wang") == 0
    assert plant.missing() == [NO_QUALITY]


def test_another_role_reviews_and_a_third_approves(plant: Plant) -> None:
    assert plant.sign("zhang", "--meaning", "authorship") == 0
    assert plant.sign("li", "--meaning", "review") == 0
    assert plant.missing() == [NO_OTHER]
    assert plant.sign("wang") == 0
    assert plant.missing() == []
    read = load()
    assert in_words(read, load_dictionary(plant.folder / "dictionary")) == "approved by wang (regulatory)"


def test_without_an_author_nobody_else_can_be_told_from_him(approved: Plant) -> None:
    approved.change("dictionary/dictionary.yaml", "author: Zhang\n", "")
    assert approved.missing()[0].startswith("dictionary.yaml names no author")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("fields.yaml", "definition: d", "definition: e"),
        ("dictionary.yaml", 'version: "1"', 'version: "2"'),
        ("dictionary.yaml", "author: Zhang", "author: Li"),
        (
            "dictionary.yaml",
            "extends: med-device-core\n",
            "extends: med-device-core\nwithout: [mappings/erp.SEOrderEntry]\n",
        ),
    ],
)
def test_one_changed_byte_voids_every_signature(approved: Plant, file: str, old: str, new: str) -> None:
    approved.change(f"dictionary/{file}", old, new)
    code, document = approved.verify()
    assert code == 4
    assert {signature["fault"] for signature in document["signatures"]} == {"it is of other content"}
    with pytest.raises(FatalError, match="by role quality"):
        require_approved(load(), load_dictionary(approved.folder / "dictionary"))
    approved.change(f"dictionary/{file}", new, old)
    assert approved.missing() == []


def test_a_comment_is_no_content(approved: Plant) -> None:
    approved.change("dictionary/fields.yaml", "fields:", "# seen\nfields:")
    assert approved.missing() == []


@pytest.mark.parametrize("status", ["draft", "in_review", "retired"])
def test_another_status_is_neither_signed_nor_approved(plant: Plant, status: str) -> None:
    plant.change("dictionary/dictionary.yaml", "status: approved", f"status: {status}")
    assert plant.sign("li") == 2
    assert f"DRV-109 nothing was signed: the status is {status}" in plant.err
    assert plant.missing()[0].startswith(f"its status is {status}")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"role": "quality"', '"role": "author"', "the signer's role is quality in the settings"),
        ('"signer": "li"', '"signer": "chen"', "the settings do not trust this signer"),
        ('"signer": "li"', '"signer": "zhang"', "the signer's role is author in the settings"),
        ('"meaning": "approval"', '"meaning": "review"', "the signature is not that of the signer's key"),
        ('"meaning": "approval"', '"meaning": "sight"', "the meaning is none of authorship, review, approval"),
        ('"time": "2', '"time": "1', "the signature is not that of the signer's key"),
        ('"version": "1"', '"version": "2"', "the signature is not that of the signer's key"),
        ('"version": "1"', '"version": 1', "is no signature file"),
        ('"version": "1"', '"version": "1", "more": "1"', "is no signature file"),
        ('"signature": "', '"signature": "!', "is no signature file"),
        ('"signature": "', '"signature": "AAAA', "the signature is not that of the signer's key"),
    ],
)
def test_a_signature_that_was_touched_does_not_count(approved: Plant, old: str, new: str, fault: str) -> None:
    path = approved.signature("li").relative_to(approved.folder)
    approved.change(str(path), old, new)
    _, document = approved.verify()
    assert [one["fault"] for one in document["signatures"] if one["file"] == path.name] == [fault]
    assert document["missing"] == [NO_QUALITY, NO_OTHER]


def test_a_digest_that_is_written_into_a_signature_does_not_make_it_fit(approved: Plant) -> None:
    old = load_dictionary(approved.folder / "dictionary").digest
    approved.change("dictionary/fields.yaml", "definition: d", "definition: e")
    new = load_dictionary(approved.folder / "dictionary").digest
    approved.change(str(approved.signature("li").relative_to(approved.folder)), old, new)
    assert approved.missing() == [NO_AUTHOR, NO_QUALITY, NO_OTHER]


def test_whom_the_settings_no_longer_trust_does_not_count(approved: Plant) -> None:
    approved.change("cdc.yaml", "li: {role: quality, key: keys/li.pub}", "li: {role: quality, key: keys/wang.pub}")
    assert NO_QUALITY in approved.missing()
    assert approved.sign("li", "--meaning", "review") == 2
    assert "is not the Ed25519 key whose public half is" in approved.err
    (approved.folder / "keys" / "wang.pub").write_text("nothing")
    assert NO_QUALITY in approved.missing()


def test_one_key_is_one_person(approved: Plant) -> None:
    approved.change("cdc.yaml", "keys/li.pub", "keys/zhang.pub")
    assert approved.sign("li", "--meaning", "review", key="zhang") == 0
    _, document = approved.verify()
    faults = {one["signer"]: one["fault"] for one in document["signatures"]}
    assert faults == {"zhang": "the key is that of li, too", "li": "the key is that of zhang, too"}


def test_who_has_signed_signs_no_second_time(approved: Plant) -> None:
    before = approved.signature("li").read_bytes()
    assert approved.sign("li") == 2
    assert "DRV-109 nothing was signed: li has signed this content" in approved.err
    assert approved.signature("li").read_bytes() == before


@pytest.mark.parametrize(
    ("signer", "key", "told"),
    [
        ("chen", "li", "the settings have no signer chen"),
        ("li", "wang", "is not the Ed25519 key"),
        ("li", "no", "no private key"),
    ],
)
def test_a_signature_that_could_not_count_is_not_made(plant: Plant, signer: str, key: str, told: str) -> None:
    assert plant.sign(signer, key=key) == 2
    assert "DRV-109" in plant.err
    assert told in plant.err
    assert not (plant.folder / "dictionary" / "signatures").exists()


def test_signatures_can_be_kept_in_a_folder_of_their_own(plant: Plant) -> None:
    plant.change("cdc.yaml", "approval:\n", "approval:\n  signatures: kept\n")
    plant.change("cdc.yaml", "roles: [author, quality]", "roles: [quality]")
    assert plant.sign("li") == 0
    assert len(list((plant.folder / "kept").iterdir())) == 1
    assert plant.missing() == []


def test_the_packaged_dictionary_is_signed_elsewhere_only(plant: Plant) -> None:
    plant.change("cdc.yaml", ", dictionary: dictionary}", "}")
    assert plant.sign("li") == 2
    assert "name approval.signatures" in plant.err


def test_a_key_pair_is_never_overwritten_and_nobody_else_reads_it(plant: Plant) -> None:
    key = plant.folder / "keys" / "li"
    before = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert plant.cdc("keygen", str(key)) == 2
    assert key.read_bytes() == before
    assert plant.cdc("keygen", str(plant.folder / "nowhere" / "li")) == 2
    assert "cannot be written" in plant.err


def test_a_private_key_can_have_a_password(plant: Plant) -> None:
    key = plant.folder / "keys" / "chen"
    assert plant.cdc("keygen", str(key), "--password", "${env:KEY_PASSWORD}") == 0
    assert b"ENCRYPTED" in key.read_bytes()
    plant.change("cdc.yaml", "key: keys/li.pub", "key: keys/chen.pub")
    assert plant.sign("li", key="chen") == 2
    assert plant.sign("li", "--password", "plain text", key="chen") == 2
    assert "--password is no reference" in plant.err
    assert plant.sign("li", "--password", "${env:KEY_PASSWORD}", key="chen") == 0


def test_openssl_takes_key_and_signature(approved: Plant) -> None:
    # The format is described so that an auditor needs nothing of this program.
    document = json.loads(approved.signature("li").read_text())
    statement = json.dumps(document["statement"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    (approved.folder / "message").write_bytes(b"cdc-dictionary-signature-v1\n" + statement.encode())
    (approved.folder / "sig").write_bytes(base64.b64decode(document["signature"]))
    done = subprocess.run(
        ("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "keys/li.pub",
         "-in", "message", "-sigfile", "sig"),
        cwd=approved.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "Signature Verified Successfully", done.stderr


def test_what_is_not_approved_is_refused_with_all_that_is_missing(plant: Plant) -> None:
    dictionary = load_dictionary(plant.folder / "dictionary")
    with pytest.raises(FatalError) as caught:
        require_approved(load(), dictionary)
    assert caught.value.code == "DRV-108"
    assert caught.value.detail.splitlines() == [
        f"plant 1 ({dictionary.digest[:12]})", *(f"  {what}" for what in (NO_AUTHOR, NO_QUALITY, NO_OTHER))
    ]  # fmt: skip
    assert "cdc dictionary verify" in caught.value.advice()


def test_where_nobody_is_trusted_nothing_is_approved(plant: Plant) -> None:
    text = (plant.folder / "cdc.yaml").read_text()
    (plant.folder / "cdc.yaml").write_text(text[: text.index("approval:")])
    assert plant.missing() == ["the settings trust nobody: approval.signers", NO_OTHER]
    with pytest.raises(FatalError, match="DRV-108"):
        require_approved(load(), load_dictionary(plant.folder / "dictionary"))


def test_a_dictionary_without_mappings_needs_no_approval(plant: Plant) -> None:
    plant.change("dictionary/dictionary.yaml", "extends: med-device-core\n", "")
    require_approved(load(), load_dictionary(plant.folder / "dictionary"))


def test_settings_that_ask_for_no_approval_get_none(plant: Plant) -> None:
    plant.change("cdc.yaml", "approval:\n", "approval:\n  required: false\n")
    require_approved(load(), load_dictionary(plant.folder / "dictionary"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("roles: [author, quality]", "roles: [author, quality, ceo]", "approval.roles asks for ceo, which no"),
        ("roles: [author, quality]", "roles: author", "approval.roles is not a list"),
        ("roles: [author, quality]", "roles: [[author]]", "approval.roles is not a single value"),
        ("roles: [author, quality]", "required: maybe", "approval.required is no true or false"),
        ("    li: {role: quality", "    ../li: {role: quality", "approval.signers.../li is no name"),
        ("    li: {role: quality", "    li: {rolle: quality", "approval.signers.li.rolle is not a setting"),
        ("li: {role: quality, key: keys/li.pub}", "li: quality", "approval.signers.li is not a group of settings"),
    ],
)  # fmt: skip
def test_faults_of_the_group_have_their_line(plant: Plant, old: str, new: str, told: str) -> None:
    plant.change("cdc.yaml", old, new)
    with pytest.raises(FatalError) as caught:
        load()
    assert any(line.strip().startswith("cdc.yaml:") and told in line for line in caught.value.detail.splitlines())
