"""A page's bytes to the values of its fields and back, at the speed of a few precompiled C calls.

Decoding first unpacks a page into a *pool*, a flat tuple in which values of one kind stand together, because each kind
then takes one C call for the whole page::

    pool    | integers | numbers: single ones and all elements of arrays | texts | arrays of vectors      |
              gear       gas  brake  wheel_slip (4)  tyre_contact_point    track   tyre_contact_point
              (12)       0.5  0.0    1.0 1.0 1.1 ..  1.0 2.0 3.0 (12)      "imola" ((1.0, 2.0, 3.0), ...)
    from      struct     numpy, then orjson                                slices  slices of the pool itself

A field is then an index of the pool (a single value, a text, an array of vectors) or a slice of it (an array of
numbers), and one ``itemgetter`` takes all fields out in their order. :meth:`PageCodec.decode_plain` says the same
without any of this.
"""

import ctypes
import math
import operator
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from ac_native_memory import Page, text_of, units_of
from telemetry.fields.schema import STRUCTURES, Field

PLAIN_PAGES: Final = 3
"""Pages of a kind that are decoded without numpy before it is imported."""

_decode_text = lru_cache(maxsize=1024)(text_of)  # most texts of a page stay the same for a long time


class PageCodec:
    """Decodes and encodes one of the game's pages; it holds the page's layout and nothing of what was decoded.

    A float32 is decoded to the double with its shortest decimal: the number that prints in the fewest digits and is
    still read back as the same 32 bits. orjson finds that decimal for a whole array in one call.

    Importing numpy takes longer than all the rest of a program that wants one sample. The first pages are therefore
    decoded by :meth:`decode_plain`, unless :meth:`load_numpy` was called before.
    """

    def __init__(self, group: str, fields: Sequence[Field]) -> None:
        """``fields`` are those of a whole snapshot, in order; the codec uses those of the page ``group``."""
        self.decode: Callable[[bytes], tuple[Any, ...]] = self._decode_first_pages
        """The values of the page's fields in order; ValueError for a page of another size."""
        self._pages_decoded = 0
        self._structure = STRUCTURES[group]
        self._size = ctypes.sizeof(self._structure)
        self._first = next(index for index, field in enumerate(fields) if field.group == group)
        self._fields = [field for field in fields if field.group == group]
        integers = [field for field in self._fields if field.dtype == "integer"]
        numbers = [field for field in self._fields if field.dtype == "number"]
        texts = [field for field in self._fields if field.dtype == "text"]
        number_offsets = [offset for field in numbers for offset in _offsets(field)]
        self._unpack_integers = _make_unpacker("i", [_offset(field) for field in integers], self._size).unpack
        self._unpack_numbers = _make_unpacker("f", number_offsets, self._size).unpack
        self._number_offsets = number_offsets
        self._text_slices = [slice(_offset(field), _offset(field) + field.byte_size) for field in texts]

        in_pool: dict[str, int | slice] = {field.name: index for index, field in enumerate(integers)}
        self._vector_arrays: list[operator.itemgetter[Any]] = []
        vector_arrays_begin = len(integers) + len(number_offsets) + len(texts)
        end = len(integers)
        for field in numbers:
            begin, end = end, end + math.prod(field.shape)
            match field.shape:
                case ():
                    in_pool[field.name] = begin
                case (_,):
                    in_pool[field.name] = slice(begin, end)
                case (_, width):
                    in_pool[field.name] = vector_arrays_begin + len(self._vector_arrays)
                    vectors = (slice(i, i + width) for i in range(begin, end, width))
                    self._vector_arrays.append(operator.itemgetter(*vectors))
        in_pool.update({field.name: index for index, field in enumerate(texts, start=end)})
        self._take_fields = operator.itemgetter(*(in_pool[field.name] for field in self._fields))

    def load_numpy(self) -> None:
        """Import numpy and use it from the next page on."""
        import numpy as np

        self._from_buffer = np.frombuffer
        self._float32 = np.dtype("<f4")
        self._number_words = np.array(self._number_offsets, dtype=np.intp) // 4
        self.decode = self._decode_fast

    def _decode_first_pages(self, page: bytes) -> tuple[Any, ...]:
        if self._pages_decoded == PLAIN_PAGES:
            self.load_numpy()
            return self._decode_fast(page)
        self._pages_decoded += 1
        return self.decode_plain(page)

    def _decode_fast(self, page: bytes) -> tuple[Any, ...]:
        self._check_size(page)
        words = self._from_buffer(page, self._float32)[self._number_words]
        decimals = orjson.dumps(words, option=orjson.OPT_SERIALIZE_NUMPY)
        numbers = orjson.loads(decimals)
        if b"n" in decimals:  # "null", which JSON has for NaN and infinities
            exact = self._unpack_numbers(page)
            numbers = [wide if short is None else short for short, wide in zip(numbers, exact, strict=True)]
        # Tuples are added and filled from lists: both are quicker than unpacking and generators.
        pool = (
            self._unpack_integers(page) + tuple(numbers) + tuple([_decode_text(page[at]) for at in self._text_slices])
        )
        values: tuple[Any, ...] = self._take_fields(pool + tuple([vectors(pool) for vectors in self._vector_arrays]))
        return values

    def decode_plain(self, page: bytes) -> tuple[Any, ...]:
        """The same as :meth:`decode`, one field after the other and without numpy: some thirty times slower."""
        self._check_size(page)
        structure = self._structure.from_buffer_copy(page)

        def plain(field: Field, value: Any) -> Any:
            if field.component is not None:
                value = value[field.component]
            if field.dtype == "text":
                return text_of(value)
            return number(value) if field.dtype == "number" else value

        def number(value: Any) -> Any:
            return shortest(value) if isinstance(value, float) else tuple(number(element) for element in value)

        return tuple(plain(field, getattr(structure, field.sdk_name or "")) for field in self._fields)

    def encode(self, row: Sequence[Any]) -> bytes:
        """The page that decodes to these fields of a snapshot; None becomes NaN."""
        page = self._structure()
        for field, value in zip(self._fields, row[self._first :], strict=False):
            pack_field(page, field, value)
        return bytes(page)

    def _check_size(self, page: bytes) -> None:
        if len(page) != self._size:
            raise ValueError(f"The page has {len(page)} bytes; {self._structure.__name__} has {self._size}.")


def shortest(value: float) -> float:
    """The double with the fewest decimal digits that is read back as this float32; NaN and infinities stay."""
    if not math.isfinite(value):
        return value
    candidates = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next(candidate for candidate in candidates if ctypes.c_float(candidate).value == value)


def unpack_field(page: bytes, field: Field) -> Any:
    """A value as its page stores it: numbers as exact float32, not as their shortest decimal."""
    value = getattr(STRUCTURES[field.group].from_buffer_copy(page), field.sdk_name or "")
    if field.component is not None:
        return value[field.component]
    if field.dtype == "text":
        return text_of(value)
    return _as_tuple(value)


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(element) for element in value) if isinstance(value, ctypes.Array) else value


def pack_field(page: Page, field: Field, value: Any) -> None:
    """Put a value into the structure of its page; None becomes NaN, and a text that is too long is truncated."""
    name = field.sdk_name or ""
    if field.dtype == "text":
        getattr(page, name)[:] = memoryview(units_of(value, field.text_length)).cast("H")
    elif field.component is not None:
        getattr(page, name)[field.component] = _nan_for_none(value)
    else:
        setattr(page, name, _nan_for_none(value))


def _nan_for_none(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_nan_for_none(element) for element in value)
    return math.nan if value is None else value


def _offset(field: Field) -> int:
    if field.offset is None:
        raise TypeError(f"{field.name} is not in a page")
    return field.offset


def _offsets(field: Field) -> Iterable[int]:
    """The offset of each element."""
    return range(_offset(field), _offset(field) + field.byte_size, 4)


def _make_unpacker(code: str, offsets: Sequence[int], size: int) -> struct.Struct:
    """Unpacks the four-byte values at these ascending offsets of a page of ``size`` bytes."""
    text, end = "<", 0
    for offset in offsets:
        text += f"{offset - end}x{code}"
        end = offset + 4
    return struct.Struct(f"{text}{size - end}x")
