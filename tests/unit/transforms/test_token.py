"""Tokens stand for values that must not be read: the key of a domain decides, and nothing works without it."""

from __future__ import annotations

import subprocess

import pytest

from transforms.errors import DictionaryError
from transforms.load import load
from transforms.review.trial import try_examples
from transforms.value.token import EXAMPLE_KEY, LENGTH, token_of

EXAMPLE = "v1:63OQM5LJBORIV7UB2QBEOLVB7PNUW2UPRS63TQZVVA3F5XXYKOXQ"
FIELD = f"  patient: {{label: {{zh: p, en: p}}, definition: d, type: string(55), owner: o, example: '{EXAMPLE}'}}\n"
KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def tokens(folder):
    """Return a dictionary folder with a mapping whose key is a token."""
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{FIELD}")
    folder.write(
        "mappings/erp.patients.yaml",
        f"""mapping: erp.patients
version: "1"
source: {{table: erp.patients, columns: {{no: text}}}}
target:
  table: trace.patient
  key: [patient]
  columns: {{patient: "TOKEN(CLEAN(no), 'patient')"}}
examples:
  - {{name: one, in: {{no: " P-100 "}}, out: {{patient: "{EXAMPLE}"}}}}
""",
    )
    return folder.root


def patient(dictionary, no):
    mapping = next(mapping for mapping in dictionary.mappings if mapping.name == "erp.patients")
    return mapping.normalise((no,))[0][0][0]


def test_a_token_is_what_openssl_makes():
    command = "printf %s P-100 | openssl dgst -sha256 -hmac example -binary | base32 | tr -d '=\\n'"
    made = subprocess.run(("bash", "-c", command), capture_output=True, text=True, check=True).stdout
    assert token_of(EXAMPLE_KEY, "P-100") == f"v1:{made}" == EXAMPLE
    assert len(EXAMPLE) == LENGTH


def test_the_same_text_has_the_same_token_however_it_is_composed():
    assert token_of(KEY, "M\u00fcller") == token_of(KEY, "Mu\u0308ller")
    assert token_of(KEY, "a") != token_of(KEY, "A")


def test_examples_have_a_key_of_their_own_and_rows_have_the_domains(tokens):
    dictionary = load(tokens, {"patient": KEY, "other": EXAMPLE_KEY})
    assert dictionary.tokens.domains == {"patient"}
    assert patient(dictionary, "P-100") == token_of(KEY, "P-100")
    assert patient(dictionary, "P-101") != patient(dictionary, "P-100")


def test_another_key_of_a_domain_is_another_version_of_it(tokens):
    file = tokens / "mappings/erp.patients.yaml"
    file.write_text(file.read_text().replace("'patient')", "'patient', 'v2')").replace(EXAMPLE, f"v2:{EXAMPLE[3:]}"))
    dictionary = load(tokens, {"patient": KEY, "patient.v2": EXAMPLE_KEY})
    assert dictionary.tokens.domains == {"patient.v2"}
    assert patient(dictionary, "P-100") == f"v2:{EXAMPLE[3:]}"


def test_without_a_key_examples_run_and_rows_do_not(tokens):
    assert not [failure for failure in try_examples(tokens).failures if failure.mapping == "erp.patients"]
    with pytest.raises(DictionaryError, match="DIC-152 no key is given for tokens of `patient`"):
        patient(load(tokens), "P-100")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("TOKEN(t1, t2)", "TOKEN needs the domain of its key in quotes"),
        ("TOKEN(t1, 'Patient')", "a domain is named by lower-case letters"),
        ("TOKEN(t1)", "write TOKEN(text, 'domain')"),
        ("TOKEN(i1, 'patient')", "text is wanted here"),
        ("TOKEN(t1, 'patient', 'v2', 'v3')", "write TOKEN(text, 'domain')"),
        ("TOKEN(t1, 'patient', '2')", "a version is named v1, v2 and so on"),
    ],
)
def test_faults_are_told(expressions, text, told):
    assert told in expressions.fault(text).message
