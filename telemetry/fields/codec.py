"""A page's bytes to the values of its fields and back, at the speed of a few precompiled C calls."""

import ctypes
import math
import operator
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import orjson

from ac_native_memory import text_of, units_of
from telemetry.fields.schema import STRUCTURES, Field

_decode_text = lru_cache(maxsize=1024)(text_of)


class PageCodec:
    """Decodes and encodes one of the game's pages; ``fields`` are those of a whole snapshot, in the page's order.

    A float32 is decoded to the double with its shortest decimal: the number that prints in the fewest digits and still
    reads back to the same 32 bits. orjson finds that decimal for a whole array in one call.

    Decoding unpacks the page into a *pool*: all integers, all floats, all texts, then the arrays of vectors, gathered
    from the floats. Each field is one place in the pool or a slice of it, and one ``itemgetter`` picks them all.
    """

    def __init__(self, group: str, fields: Sequence[Field]) -> None:
        import numpy as np  # noqa: PLC0415 - takes longer to import than all the rest, and --help needs none of it

        self._frombuffer = np.frombuffer
        self._float32 = np.dtype("<f4")
        self._structure = STRUCTURES[group]
        self._size = ctypes.sizeof(self._structure)
        self._first = next(index for index, field in enumerate(fields) if field.group == group)
        self._fields = [field for field in fields if field.group == group]
        integers = [field for field in self._fields if field.dtype == "integer"]
        floats = [field for field in self._fields if field.dtype == "number"]
        texts = [field for field in self._fields if field.dtype == "text"]
        float_offsets = [offset for field in floats for offset in _offsets(field)]
        self._integers = _unpacker("i", [_offset(field) for field in integers], self._size)
        self._floats = _unpacker("f", float_offsets, self._size)
        self._words = np.array(float_offsets, dtype=np.intp) // 4
        self._texts = [slice(_offset(field), _offset(field) + 2 * field.text_length) for field in texts]

        places: dict[str, int | slice] = {field.name: place for place, field in enumerate(integers)}
        self._gather: list[operator.itemgetter[Any]] = []
        vectors_from = len(integers) + len(float_offsets) + len(texts)
        end = len(integers)
        for field in floats:
            begin, end = end, end + math.prod(field.shape)
            match field.shape:
                case ():
                    places[field.name] = begin
                case (_,):
                    places[field.name] = slice(begin, end)
                case (_, width):
                    places[field.name] = vectors_from + len(self._gather)
                    self._gather.append(operator.itemgetter(*(slice(i, i + width) for i in range(begin, end, width))))
        places.update({field.name: place for place, field in enumerate(texts, start=end)})
        self._pick = operator.itemgetter(*(places[field.name] for field in self._fields))

    def decode(self, page: bytes) -> tuple[Any, ...]:
        """The values of the page's fields in order; ValueError for a page of another size."""
        if len(page) != self._size:
            raise ValueError(f"The page has {len(page)} bytes; {self._structure.__name__} has {self._size}.")
        floats = self._frombuffer(page, self._float32)[self._words]
        decimals = orjson.dumps(floats, option=orjson.OPT_SERIALIZE_NUMPY)
        shortest = orjson.loads(decimals)
        if b"n" in decimals:  # null, for NaN and infinities: JSON has no number for them
            exact = self._floats.unpack(page)
            shortest = [wide if short is None else short for short, wide in zip(shortest, exact, strict=True)]
        # Tuples are added and filled from lists: both are quicker than unpacking and generators.
        pool = self._integers.unpack(page) + tuple(shortest) + tuple([_decode_text(page[at]) for at in self._texts])
        values: tuple[Any, ...] = self._pick(pool + tuple([vectors(pool) for vectors in self._gather]))
        return values

    def encode(self, row: Sequence[Any]) -> bytes:
        """The page that decodes to these fields of a snapshot; None becomes NaN."""
        page = self._structure()
        for field, value in zip(self._fields, row[self._first :], strict=False):
            name = field.sdk_name or ""
            if field.dtype == "text":
                getattr(page, name)[:] = memoryview(units_of(value, field.text_length)).cast("H")
            elif field.component is not None:
                getattr(page, name)[field.component] = _number(value)
            else:
                setattr(page, name, _number(value))
        return bytes(page)


def _number(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_number(element) for element in value)
    return math.nan if value is None else value


def _offset(field: Field) -> int:
    if field.offset is None:
        raise TypeError(f"{field.name} is in no page")
    return field.offset


def _offsets(field: Field) -> Iterable[int]:
    return range(_offset(field), _offset(field) + 4 * math.prod(field.shape), 4)


def _unpacker(code: str, offsets: Sequence[int], size: int) -> struct.Struct:
    """Unpacks the four-byte values at these ascending offsets of a page."""
    text, end = "<", 0
    for offset in offsets:
        text += f"{offset - end}x{code}"
        end = offset + 4
    return struct.Struct(f"{text}{size - end}x")
