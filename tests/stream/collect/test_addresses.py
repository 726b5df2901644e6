"""The rigs of `--collect`: addresses, names, files, tokens, and what is wrong with them."""

from pathlib import Path

import pytest

from telemetry.base.errors import UsageError
from telemetry.stream import RigAddress, parse_rigs


def named(text: str) -> dict[str, str]:
    return {rig.name: rig.shown for rig in parse_rigs(text)}


def test_a_rig_is_called_as_its_computer() -> None:
    assert named("ws://rig1:8765, wss://rig2.lab/ac/,ws://[fe80::1]:9000") == {
        "rig1": "ws://rig1:8765",
        "rig2.lab": "wss://rig2.lab/ac/",
        "fe80-1": "ws://[fe80::1]:9000",
    }


def test_rigs_of_one_computer_have_their_port_in_the_name() -> None:
    assert list(named("ws://rig:1,ws://rig,left=ws://rig:2,wss://rig")) == ["rig-1", "rig-8765", "left", "rig-443"]


def test_a_file_has_a_rig_a_line(tmp_path: Path) -> None:
    path = tmp_path / "rigs.txt"
    path.write_text(
        "# the lab\n\nleft = ws://10.0.0.5:8765/?token=a=b&x=1  # by the door\nws://rig2\n", encoding="utf-8-sig"
    )
    expected = [
        RigAddress("left", "ws://10.0.0.5:8765/", "ws://10.0.0.5:8765/?x=1", "a=b"),
        RigAddress("rig2", "ws://rig2:8765", "ws://rig2:8765/", "all"),
        RigAddress("third", "ws://[::1]:8765", "ws://[::1]:8765/", "all"),
    ]
    for given in (f"@{path},third=ws://[::1]", f"{path},third=ws://[::1]"):
        assert list(parse_rigs(given, "all")) == expected


def test_a_token_is_in_no_text_of_an_address() -> None:
    (rig,) = parse_rigs("left=ws://me:password@rig:8765/?token=secret")
    assert rig.token == "secret"
    for text in (repr(rig), rig.shown, rig.name):
        assert "secret" not in text
        assert "password" not in text


BAD = "is not the address of a stream; an address looks like ws://192.168.0.5:8765."
NONE = "--collect needs addresses, like ws://rig1,ws://rig2, or a file of them, like @rigs.txt."
NO_NAME = (
    "cannot be the name of a rig; use up to 40 letters a-z, digits, and . _ - after the first one, "
    "as in left=ws://rig1:8765."
)
NO_FILE = "is neither an address like ws://rig1:8765 nor a file of addresses: No such file or directory."
NAME_THEM = "Name them, as in left=ws://..."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", NONE),
        (" , ", NONE),
        ("http://rig1", f"http://rig1 {BAD}"),
        ("left=ws://", f"ws:// {BAD}"),
        ("ws://rig:99999", f"ws://rig:99999 {BAD}"),
        ("a b=ws://rig", f"'a b' {NO_NAME}"),
        ("..=ws://rig", f"'..' {NO_NAME}"),
        ("=ws://rig", f"'' {NO_NAME}"),
        ("a=ws://x,A=ws://y", f"Two rigs have the name A: ws://x:8765 and ws://y:8765. {NAME_THEM}"),
        ("ws://x/one,ws://x/two", f"Two rigs have the name x-8765: ws://x:8765/one and ws://x:8765/two. {NAME_THEM}"),
        ("nothing.txt", f"nothing.txt {NO_FILE}"),
        ("\0", "'\\x00' is no name of a file."),
        (
            ",".join(f"ws://rig{number}" for number in range(51)),
            "--collect got 51 rigs; one server collects at most 50.",
        ),
    ],
)
def test_what_is_no_list_of_rigs_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rigs(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"# none\n", "{path} has no address; a line is an address, or name = ws://rig1:8765."),
        (b"\xff", "{path} is no file of addresses: it is not UTF-8 text."),
        (b"#" * 70_000, "{path} is no file of addresses: it has more than 64 KiB."),
        (b"ws://rig1\nrig2\n", f"{{path}}, line 2: rig2 {BAD}"),
        (
            b"a = ws://x\n\na = ws://y",
            f"{{path}}, line 3: Two rigs have the name a: ws://x:8765 and ws://y:8765. {NAME_THEM}",
        ),
    ],
)
def test_what_is_wrong_in_a_file_has_its_line(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "rigs.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        parse_rigs(f"@{path}")
    assert str(caught.value) == sentence.format(path=path)
