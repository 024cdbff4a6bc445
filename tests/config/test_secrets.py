from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kioskd.config.secrets import MASK, MOST_BYTES, SecretError, read_secret, redact, secret_path
from kioskd.config.sections import SecretRef

SECRET = "hunter2hunter2"


def write(path: Path, content: bytes = SECRET.encode() + b"\n", mode: int = 0o600) -> SecretRef:
    path.write_bytes(content)
    path.chmod(mode)
    return SecretRef(file=str(path))


def refused(ref: SecretRef, env: dict[str, str] | None = None) -> str:
    with pytest.raises(SecretError) as caught:
        read_secret(ref, env or {})
    chain: BaseException | None = caught.value
    while chain is not None:  # a traceback prints the causes, too
        assert SECRET not in str(chain) and SECRET not in repr(chain)
        chain = None if chain.__suppress_context__ else chain.__context__
    return str(caught.value)


def test_a_credential_is_read_from_systemds_directory(tmp_path: Path) -> None:
    (tmp_path / "hydra-key").write_text(SECRET + "\n")
    (tmp_path / "hydra-key").chmod(0o440)  # as an ACL of systemd shows
    assert read_secret(SecretRef(credential="hydra-key"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == SECRET


def test_a_missing_credential_says_what_the_unit_needs(tmp_path: Path) -> None:
    ref = SecretRef(credential="hydra-key")
    line = "LoadCredential=hydra-key:/etc/kioskd/hydra-key"
    for env in ({}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        assert line in refused(ref, env) and "systemctl edit kioskd" in refused(ref, env)
    assert "env: or file:" in refused(ref)


@pytest.mark.parametrize("name", ["../key", "a/b", "", ".", ".."])
def test_a_credential_cannot_lead_out_of_its_directory(tmp_path: Path, name: str) -> None:
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "in").mkdir()
    assert "not one" in refused(SecretRef(credential=name), {"CREDENTIALS_DIRECTORY": str(tmp_path / "in")})


def test_an_environment_variable() -> None:
    assert read_secret(SecretRef(env="HYDRA_API_KEY"), {"HYDRA_API_KEY": SECRET}) == SECRET
    told = refused(SecretRef(env="HYDRA_API_KEY"))
    assert "HYDRA_API_KEY is not set" in told and "LoadCredential=hydra-api-key:" in told


def test_a_secret_pasted_as_the_name_of_its_variable_is_not_repeated() -> None:
    assert "is not set" in refused(SecretRef(env=SECRET))
    assert "that key: file: names cannot be read" in refused(SecretRef(file=SECRET))
    assert "sk_live" not in refused(SecretRef(credential="sk_live_abcdefgh"), {"CREDENTIALS_DIRECTORY": "/"})


def test_a_private_file(tmp_path: Path) -> None:
    assert read_secret(write(tmp_path / "a"), {}) == SECRET
    assert read_secret(write(tmp_path / "b", mode=0o400), {}) == SECRET
    assert read_secret(write(tmp_path / "c", SECRET.encode() + b"\r\n"), {}) == SECRET


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601, 0o610])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    assert "chmod 600" in refused(write(tmp_path / "key", mode=mode))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (SECRET.encode() + b"\nmore\n", "more than one line"),
        (b" " + SECRET.encode(), "spaces around"),
        (SECRET.encode() + b"\x00", "more than one line"),
        (SECRET.encode() + b"\xff", "does not hold text"),
        (SECRET.encode() * (MOST_BYTES // len(SECRET) + 1), "more than 8 KiB"),
    ],
)
def test_what_cannot_be_a_key_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(write(tmp_path / "key", content))


def test_eight_kib_are_still_a_key(tmp_path: Path) -> None:
    assert len(read_secret(write(tmp_path / "key", b"k" * MOST_BYTES), {})) == MOST_BYTES


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert "no such file" in refused(SecretRef(file=str(tmp_path / "none")))
    assert "not a regular file" in refused(SecretRef(file=str(tmp_path / "fifo")))
    assert "not a regular file" in refused(SecretRef(file="/dev/null"))
    assert "not a regular file" in refused(SecretRef(file=str(tmp_path)))
    assert "no path can have" in refused(SecretRef(file="a\0b"))


def test_a_symlink_is_as_good_as_its_target(tmp_path: Path) -> None:
    write(tmp_path / "good")
    write(tmp_path / "bad", mode=0o644)
    (tmp_path / "to_good").symlink_to(tmp_path / "good")
    (tmp_path / "to_bad").symlink_to(tmp_path / "bad")
    assert read_secret(SecretRef(file=str(tmp_path / "to_good")), {}) == SECRET
    assert "chmod 600" in refused(SecretRef(file=str(tmp_path / "to_bad")))


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    ref = write(tmp_path / "key")
    if os.geteuid() == 0:
        os.chown(tmp_path / "key", 65534, 65534)
        assert "belongs to another user" in refused(ref)
    else:
        assert read_secret(ref, {}) == SECRET  # only root can give a file away


def test_a_file_that_fails_while_it_is_read_is_a_sentence() -> None:
    # /proc/self/mem opens, and cannot be read at address 0
    assert "cannot be read: input/output error" in refused(SecretRef(file="/proc/self/mem"))


@pytest.mark.parametrize("ref", [SecretRef(), SecretRef(env="A", file="/b")])
def test_a_reference_needs_exactly_one_source(ref: SecretRef) -> None:
    assert "exactly one" in refused(ref, {"A": SECRET})


def test_redact_masks_the_secrets_it_is_given() -> None:
    assert redact("key is s3cr+t/=, yes", ["s3cr+t/="]) == f"key is {MASK}, yes"
    assert redact("url ?k=s3cr%2Bt%2F%3D&x=1", ["s3cr+t/="]) == f"url ?k={MASK}&x=1"
    assert redact("abcdef abc", ["abc", "abcdef"]) == f"{MASK} {MASK}"
    assert redact("nothing", ["", "x"]) == "nothing"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wss://h/s2s?model=m&api_key=hunter2&x=1", f"wss://h/s2s?model=m&api_key={MASK}&x=1"),
        ("wss://h/?API_KEY=hunter2", f"wss://h/?API_KEY={MASK}"),
        ("Authorization: Bearer hunter2", f"Authorization: Bearer {MASK}"),
        ("{'authorization': 'bearer hunter2'}", f"{{'authorization': 'bearer {MASK}'}}"),
        ("Authorization: Basic aHVudGVyMjpodW50ZXIy", f"Authorization: Basic {MASK}"),
        ("invalid subprotocol: mythicdot-api-key.sk-hunter2", f"invalid subprotocol: mythicdot-api-key.{MASK}"),
        ("api-key: hunter2", f"api-key: {MASK}"),
        ('{"api_key": "hunter2"}', f'{{"api_key": "{MASK}"}}'),
        ("?access_token=hunter2", f"?access_token={MASK}"),
        ("Basic rules apply; the bearer_of is fine", "Basic rules apply; the bearer_of is fine"),
    ],
)
def test_redact_knows_where_keys_ride(text: str, shown: str) -> None:
    assert redact(text, ()) == shown
    assert redact(shown, ()) == shown


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=30),
    st.text(min_size=1, max_size=20).filter(lambda s: not set(s) <= set("*")),
    st.text(max_size=30),
)
def test_no_given_secret_survives(before: str, secret: str, after: str) -> None:
    shown = redact(before + secret + after, [secret])
    # what is left may happen to spell a short secret across the mask; the text without masks may not hold it
    assert all(secret not in part for part in shown.split(MASK))


def test_the_file_of_a_secret_is_named_so_that_its_change_is_noticed(tmp_path: Path) -> None:
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert secret_path(SecretRef(file="/etc/kioskd/key"), env) == "/etc/kioskd/key"
    assert secret_path(SecretRef(credential="key"), env) == str(tmp_path / "key")
    for ref in (SecretRef(env="KEY"), SecretRef(credential="../key")):
        assert secret_path(ref, env) is None
    assert secret_path(SecretRef(credential="key"), {}) is None


def test_a_proxys_user_and_password_are_redacted() -> None:
    for text in (
        f"HTTPS_PROXY=http://me:{SECRET}@proxy:3128 is set",
        f"'https://{SECRET}@proxy'",
        f"Proxy-Authorization: Basic {SECRET}",
    ):
        assert SECRET not in redact(text, ()) and MASK in redact(text, ())
    assert redact("see https://example.org/a@b", ()) == "see https://example.org/a@b"
