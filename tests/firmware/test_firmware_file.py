"""A firmware file is verified before anything of it is used."""

import io
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.catalogue.messages import message_texts
from knxgw.firmware.firmware_file import MAGIC, verify
from knxgw.firmware.keys import ALLOWS_DEVELOPMENT, trusted_keys
from knxgw.firmware.manifest import Manifest, Version, decode, encode
from knxgw.firmware.signature import TrustedKeys, new_key, private_key, public_key
from knxgw.firmware.trouble import FirmwareError
from tests.firmware.makers import (
    DEVELOPMENT_KEY,
    development_keys,
    firmware,
    manifest,
    opened,
    wheels,
)

MUTATIONS = 1000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a good firmware file."""
    return firmware(tmp_path_factory.mktemp("firmware"))


def why(content: bytes, keys: TrustedKeys | None = None) -> str:
    """Return the reason for which a file is refused."""
    trusted = development_keys() if keys is None else keys
    with pytest.raises(FirmwareError) as refusal:
        verify(io.BytesIO(content), trusted)
    assert refusal.value.words.problem("de") != refusal.value.words.problem("en")
    return refusal.value.words.id


def test_a_good_file_says_what_it_is(file: Path) -> None:
    found = verify(opened(file), development_keys())
    assert str(found.version) == "0.2"
    assert str(found.lowest_previous) == "0.1"
    assert found.changes["de"] == ("Sie zählt besser.",)
    assert found.projects == ("helper-of-tests", "knxgw")


@pytest.mark.proves("11.4")
def test_a_file_that_nobody_known_has_signed_is_refused(file: Path) -> None:
    _, public = new_key()
    foreign = TrustedKeys([public_key(public)])
    assert why(file.read_bytes(), foreign) == "firmware_signature_unknown"
    assert why(file.read_bytes(), TrustedKeys([])) == "firmware_signature_unknown"


def test_the_development_key_counts_only_where_the_administrator_says_so(
    file: Path, tmp_path: Path
) -> None:
    assert why(file.read_bytes(), trusted_keys({}, tmp_path)) == "firmware_signature_unknown"
    allowed = trusted_keys({ALLOWS_DEVELOPMENT: "1"}, tmp_path)
    assert str(verify(opened(file), allowed).version) == "0.2"


def test_an_administrator_may_add_a_key_and_a_broken_one_does_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    private, public = new_key()
    (tmp_path / "own.key").write_bytes(private)
    own = firmware(tmp_path, key=tmp_path / "own.key")
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "a-broken.pem").write_text("no key")
    (keys / "own.pem").write_bytes(public)
    assert str(verify(opened(own), trusted_keys({}, keys)).version) == "0.2"
    assert "a-broken.pem is not used as a key of firmware" in caplog.text


def test_a_file_whose_manifest_was_changed_has_a_wrong_signature(file: Path) -> None:
    content = file.read_bytes().replace(b'"0.2"', b'"9.9"', 1)
    assert why(content) == "firmware_signature_wrong"


@pytest.mark.parametrize("content", [b"", b"PK\3\4", MAGIC[:-1], b"KNXGWFW2" + bytes(100)])
def test_another_file_is_no_firmware(content: bytes) -> None:
    assert why(content) == "firmware_no_firmware"


def test_a_file_that_is_cut_off_anywhere_is_refused(file: Path) -> None:
    content = file.read_bytes()
    for length in range(len(MAGIC), len(content), 7):
        assert why(content[:length]) == "firmware_damaged", length


def test_a_file_with_something_behind_it_is_refused(file: Path) -> None:
    assert why(file.read_bytes() + b"\0") == "firmware_damaged"


def test_a_head_that_names_a_giant_manifest_is_refused_unread(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(MAGIC) : len(MAGIC) + 4] = b"\xff\xff\xff\xff"
    assert why(bytes(content)) == "firmware_damaged"


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Return a file with a few bytes changed, dropped, doubled or inserted."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at : at + chance.randint(1, 200)]
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 200))
            case _:
                changed[at:at] = changed[at : at + chance.randint(1, 200)]
    return bytes(changed)


@pytest.mark.proves("W42", "11.4")
def test_a_thousand_mutated_files_are_refused_each_with_a_reason(file: Path) -> None:
    content, chance, refused = file.read_bytes(), random.Random(18), set()  # noqa: S311 - of a test
    for _ in range(MUTATIONS):
        changed = mutated(content, chance)
        if changed == content:
            continue
        reason = why(changed)
        assert reason in message_texts()
        refused.add(reason)
    assert "firmware_damaged" in refused
    assert refused & {"firmware_signature_wrong", "firmware_signature_unknown"}


# --- the manifest, with a good signature: of a maker who makes mistakes


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Return a good manifest."""
    return manifest(wheels(tmp_path_factory.mktemp("wheels"), "1.4"))


def test_a_manifest_is_read_as_it_was_written(good: Manifest) -> None:
    assert decode(encode(good)) == good


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"knxgw-1.4-py3-none-any.whl"', b'"../../etc/passwd.whl"'),
        (b'"knxgw-1.4-py3-none-any.whl"', b'"/knxgw-1.4.whl"'),
        (b'"knxgw-1.4-py3-none-any.whl"', b'"helper_of_tests-1.0-py3-none-any.whl"'),
        (b'"1.4"', b'"1.4.1"'),
        (b'"1.4"', b"14"),
        (b'"sha256": "', b'"sha256": "x'),
        (b'"size": ', b'"size": -'),
        (b'"size": ', b'"size": 99999999999'),
        (b'"files": [', b'"files": {}, "other": ['),
        (b'"platforms": [', b'"platforms": [], "other": ['),
        (b'"It counts better."', b'"two\\nlines"'),
        (b'"made_at": "2026', b'"made_at": "year'),
    ],
)
def test_a_manifest_that_says_something_impossible_is_refused(
    good: Manifest, old: bytes, new: bytes
) -> None:
    content = encode(good)
    assert old in content
    with pytest.raises(FirmwareError) as refusal:
        decode(content.replace(old, new, 1))
    assert refusal.value.words.id == "firmware_manifest_invalid"


def test_a_manifest_of_a_later_format_or_another_product_says_so(good: Manifest) -> None:
    for old, new in ((b'"format": 1', b'"format": 2'), (b'"knxgw"', b'"other"')):
        with pytest.raises(FirmwareError) as refusal:
            decode(encode(good).replace(old, new, 1))
        assert refusal.value.words.id == "firmware_other_format"


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_no_manifest_makes_the_reader_fail_otherwise(content: bytes) -> None:
    with pytest.raises(FirmwareError):
        decode(content)


@pytest.mark.proves("11.1")
@given(st.integers(0, 9999), st.integers(0, 99999))
def test_a_version_is_read_as_it_is_written_and_ordered_by_its_numbers(main: int, sub: int) -> None:
    version = Version(main, sub)
    assert Version.of(str(version)) == version
    assert Version(main, sub + 1) > version
    assert Version(main + 1, 0) > version


@pytest.mark.parametrize(
    "text", ["", "1", "1.2.3", "01.2", "1.02", "a.b", "1.-2", " 1.2", "1.2\n", "\u0661.\u0662"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        Version.of(text)


def test_a_private_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    assert private_key(DEVELOPMENT_KEY).public_key() is not None
    public = tmp_path / "public.pem"
    public.write_bytes(new_key()[1])
    with pytest.raises(Exception, match="no private key"):
        private_key(public)
