"""Inputs that are nearly right: good bytes with something changed, and texts that parsers stumble over."""

import struct
from collections.abc import Callable
from random import Random
from typing import Any, Final

import zstandard

NASTY_TEXTS: Final = (
    b"[" * 3000, b'{"a":' * 2000, b"nan", b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"\x00", b"\xff\xfe", b"0",
    b"\xed\xa0\x80", b'"\\ud800"', b"null", b"true", b'""', b"{}", b"[]", b"\r\n\r\n", b"\xef\xbb\xbf", b"\x1b[31m",
    b"../../outside", b"=1+1", b"<img src=x>", b"9223372036854775808", b"-1", b"1e-320", b'"' + b"A" * 70000 + b'"',
)  # fmt: skip


def mutate(data: bytes, random: Random) -> bytes:
    """The bytes with one to a few changes."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        data = random.choice(CHANGES)(data, random)
    return data


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 4, 64))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(data: bytes, random: Random) -> bytes:
    begin, end = _span(data, random)
    return random.choice((data[:begin], data[begin:], data[:begin] + data[end:]))


def _repeat(data: bytes, random: Random) -> bytes:
    begin, end = _span(data, random)
    return data[:end] + data[begin:end] * random.choice((1, 2, 20)) + data[end:]


def _replace(data: bytes, random: Random) -> bytes:
    begin, end = _span(data, random)
    return data[:begin] + random.choice((random.randbytes(end - begin), bytes(end - begin), b"\xff" * 8)) + data[end:]


def _insert(data: bytes, random: Random) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + random.choice(NASTY_TEXTS) + data[place:]


def _replace_number(data: bytes, random: Random) -> bytes:
    """Another integer at a place, as lengths and offsets are stored."""
    pattern, size = random.choice((("<I", 4), ("<Q", 8), ("<H", 2)))
    if len(data) < size:
        return data
    place = random.randrange(len(data) - size + 1)
    number = random.choice((0, 1, 2**31, 2 ** (8 * size) - 1, random.getrandbits(8 * size), len(data)))
    return data[:place] + struct.pack(pattern, number % 2 ** (8 * size)) + data[place + size :]


def _replace_token(data: bytes, random: Random) -> bytes:
    """Another text in place of a value between two separators."""
    places = [place for place, byte in enumerate(data[:20000]) if byte in b',:[]{}= \n"']
    if len(places) < 2:
        return _insert(data, random)
    index = random.randrange(len(places) - 1)
    return data[: places[index] + 1] + random.choice(NASTY_TEXTS) + data[places[index + 1] :]


def _span(data: bytes, random: Random) -> tuple[int, int]:
    begin = random.randint(0, len(data))
    return begin, min(len(data), begin + random.choice((1, 8, 64, 1000, 50000)))


CHANGES: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (
    _flip, _cut, _repeat, _replace, _insert, _replace_number, _replace_token,
)  # fmt: skip

_MAGIC: Final = b"\x89MCAP0\r\n"
_CHUNK: Final = 6


def mutate_mcap(data: bytes, random: Random) -> bytes:
    """A MCAP file in which one record was changed, also within a chunk, whose checksum is then left out (0)."""
    records: list[tuple[int, bytes]] = []
    place = len(_MAGIC)
    while place + 9 <= len(data) - len(_MAGIC):
        opcode, length = data[place], int.from_bytes(data[place + 1 : place + 9], "little")
        records.append((opcode, data[place + 9 : place + 9 + length]))
        place += 9 + length
    index = random.randrange(len(records))
    opcode, content = records[index]
    if opcode == _CHUNK and random.random() < 0.8:
        content = _mutate_chunk(content, random)
    elif random.random() < 0.2:
        opcode = random.randrange(256)
    else:
        content = mutate(content, random)
    records[index] = opcode, content
    if random.random() < 0.1:
        random.shuffle(records)
    body = b"".join(bytes([code]) + struct.pack("<Q", len(part)) + part for code, part in records)
    return _MAGIC + body + _MAGIC


def _mutate_chunk(content: bytes, random: Random) -> bytes:
    times, size_and_checksum, rest = content[:16], content[16:28], content[28:]
    name_length = int.from_bytes(rest[:4], "little")
    name, packed = rest[4 : 4 + name_length], rest[12 + name_length :]
    if name != b"zstd" or len(size_and_checksum) != 12:
        return mutate(content, random)
    inner = mutate(zstandard.ZstdDecompressor().decompress(packed), random)
    packed = zstandard.ZstdCompressor(level=1).compress(inner)
    head = times + struct.pack("<QI", len(inner), 0)
    return head + struct.pack("<I", len(name)) + name + struct.pack("<Q", len(packed)) + packed


def nasty_json(random: Random, depth: int = 0) -> Any:
    """Any JSON value."""
    scalars: tuple[Any, ...] = (
        None, True, False, 0, 1, -1, 2**53, 1e308, -1e-320, "", "1", "speed_kmh", "*", "tyre_*", "\x00", "a" * 5000,
        "[!\u4e00]*", "../x", "=1+1", "\x1b[2J", "json", "msgpack", "sdk", "wire",
    )  # fmt: skip
    choice = random.random()
    if depth > 4 or choice < 0.6:
        return random.choice(scalars)
    if choice < 0.8:
        return [nasty_json(random, depth + 1) for _ in range(random.choice((0, 1, 3, 30)))]
    return {str(nasty_json(random, 9)): nasty_json(random, depth + 1) for _ in range(random.choice((0, 1, 3, 30)))}
