"""Consecutive moments, and their raw fields as arrays."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ac_native_memory import Pages, text_of
from telemetry.base.typing import override
from telemetry.fields.decimals import Array, find_shortest
from telemetry.fields.schema import STRUCTURES, Field
from telemetry.fields.snapshot import PageDecoder, Snapshot

__all__ = [
    "Array",
    "Block",
    "DistinctPages",
    "JoinedBlock",
    "PageBlock",
    "RowBlock",
    "TextColumn",
    "shortest_decimals",
]

_DTYPES: Final = {group: np.dtype(structure) for group, structure in STRUCTURES.items()}
_FIELDS: Final = {field.name: field for field in Snapshot.FIELDS}


class TextColumn(NamedTuple):
    """A column of texts, of which each is held once."""

    codes: Array
    """The index in ``texts`` of each moment, shape (n,)."""
    texts: tuple[str, ...]

    def values(self) -> Array:
        """The texts of all moments, an object array of shape (n,)."""
        return np.array(self.texts, dtype=object)[self.codes]

    def map(self, function: Callable[[str], Any], dtype: npt.DTypeLike) -> Array:
        """What the function makes of each text, shape (n,); it is called once for each different text."""
        return np.array([function(text) for text in self.texts], dtype=dtype)[self.codes]

    @classmethod
    def of(cls, values: Iterable[str]) -> "TextColumn":
        """From the text of each moment."""
        numbers: dict[str, int] = {}
        codes = np.array([numbers.setdefault(text, len(numbers)) for text in values], dtype=np.intp)
        return cls(codes, tuple(numbers))

    @classmethod
    def join(cls, columns: "Sequence[TextColumn]") -> "TextColumn":
        """Columns one after the other as one."""
        numbers: dict[str, int] = {}
        parts = [column.map(lambda text: numbers.setdefault(text, len(numbers)), np.intp) for column in columns]
        return cls(np.concatenate(parts), tuple(numbers))


class DistinctPages(NamedTuple):
    """The pages of one kind: those that differ from the one before, and which of them each moment shows."""

    pages: Array
    """A structured array of the page's layout, shape (m,)."""
    shown: Array | None = None
    """The page of each moment, shape (n,); None: one each."""

    @classmethod
    def of(
        cls, group: str, data: bytes | bytearray | memoryview | Array, shown: Array | None = None
    ) -> "DistinctPages":
        """From the bytes of whole pages, one behind the other; ValueError for bytes that are no whole pages."""
        return cls(np.frombuffer(data, _DTYPES[group]), shown)

    def select(self, rows: Array) -> "DistinctPages":
        """The pages of some moments, copied, so that the others need not be kept."""
        if self.shown is None:
            return DistinctPages(self._copy(rows))
        kept, shown = np.unique(self.shown[rows], return_inverse=True)
        return DistinctPages(self._copy(kept), shown)

    def _copy(self, rows: Array) -> Array:
        # As raw bytes, because numpy copies structures field by field.
        raw: Array = self.pages.view(f"V{self.pages.dtype.itemsize}")[rows]
        return raw.view(self.pages.dtype)


class Block(ABC):
    """The raw fields of ``n`` consecutive moments, each made when it is asked for."""

    @property
    def holds_float32(self) -> bool:
        """Whether every number of a page is a float32, so that :meth:`array` says all that :meth:`decimals` says."""
        return False

    @abstractmethod
    def __len__(self) -> int:
        """How many moments there are."""

    @abstractmethod
    def array(self, name: str) -> Array:
        """A number or integer as the page has it, float32 or int32; of the sample itself float64 or int64; (n, ...).

        Integers of somebody else's file that need more bits have them.
        """

    @abstractmethod
    def decimals(self, name: str) -> Array:
        """A number as a :class:`Snapshot` has it, the double with the shortest decimal of its float32: (n, ...)."""

    @abstractmethod
    def texts(self, name: str) -> TextColumn:
        """A text of a page."""

    @abstractmethod
    def snapshot(self, index: int) -> Snapshot:
        """One moment."""

    def select(self, rows: Array) -> "Block":
        """Some of the moments, by their numbers in ascending order, of which one may occur several times."""
        return _SelectedBlock(self, rows)


class _SelectedBlock(Block):
    """Some moments of another block."""

    def __init__(self, block: Block, rows: Array) -> None:
        self._block = block
        self._rows = rows

    @property
    @override
    def holds_float32(self) -> bool:
        return self._block.holds_float32

    @override
    def __len__(self) -> int:
        return len(self._rows)

    @override
    def array(self, name: str) -> Array:
        selected: Array = self._block.array(name)[self._rows]
        return selected

    @override
    def decimals(self, name: str) -> Array:
        selected: Array = self._block.decimals(name)[self._rows]
        return selected

    @override
    def texts(self, name: str) -> TextColumn:
        codes, texts = self._block.texts(name)
        return TextColumn(codes[self._rows], texts)

    @override
    def snapshot(self, index: int) -> Snapshot:
        return self._block.snapshot(int(self._rows[index]))

    @override
    def select(self, rows: Array) -> Block:
        return _SelectedBlock(self._block, self._rows[rows])


class JoinedBlock(Block):
    """Blocks one after the other as one; at least one."""

    def __init__(self, parts: Sequence[Block]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts], dtype=np.intp)

    @property
    @override
    def holds_float32(self) -> bool:
        return all(part.holds_float32 for part in self._parts)

    @override
    def __len__(self) -> int:
        return int(self._ends[-1])

    @override
    def array(self, name: str) -> Array:
        return np.concatenate([part.array(name) for part in self._parts])

    @override
    def decimals(self, name: str) -> Array:
        return np.concatenate([part.decimals(name) for part in self._parts])

    @override
    def texts(self, name: str) -> TextColumn:
        return TextColumn.join([part.texts(name) for part in self._parts])

    @override
    def snapshot(self, index: int) -> Snapshot:
        number = int(np.searchsorted(self._ends, index, side="right"))
        return self._parts[number].snapshot(index - int(self._ends[number]) + len(self._parts[number]))

    @override
    def select(self, rows: Array) -> Block:
        cuts = [0, *np.searchsorted(rows, self._ends).tolist()]
        selected = [
            part.select(rows[begin:end] - (self._ends[number] - len(part)))
            for number, (part, begin, end) in enumerate(zip(self._parts, cuts, cuts[1:], strict=False))
            if end > begin
        ]
        return JoinedBlock(selected) if len(selected) > 1 else (selected or [self._parts[0].select(rows)])[0]


class RowBlock(Block):
    """A block of snapshots that there are already."""

    def __init__(self, rows: Sequence[Snapshot]) -> None:
        self._rows = rows

    @override
    def __len__(self) -> int:
        return len(self._rows)

    @override
    def array(self, name: str) -> Array:
        field, values = _FIELDS[name], self._values(name)
        bits = 8 if field.group == "sample" else 4
        with np.errstate(over="ignore"):
            narrow = values.astype(f"{'i' if field.dtype == 'integer' else 'f'}{bits}")
        return values if field.dtype == "integer" and (narrow != values).any() else narrow

    @override
    def decimals(self, name: str) -> Array:
        return self._values(name).astype(np.float64)

    @override
    def texts(self, name: str) -> TextColumn:
        return TextColumn.of(self._column(name))

    @override
    def snapshot(self, index: int) -> Snapshot:
        return self._rows[index]

    @override
    def select(self, rows: Array) -> Block:
        return RowBlock([self._rows[index] for index in rows.tolist()])

    def _column(self, name: str) -> list[Any]:
        place = Snapshot.INDEX[name]
        return [row[place] for row in self._rows]

    def _values(self, name: str) -> Array:
        return np.array(self._column(name)).reshape(len(self), *_FIELDS[name].shape)


class PageBlock(Block):
    """A block of pages; most numbers are views on them."""

    def __init__(
        self,
        timestamp: Array,
        elapsed: Array,
        sequence: Array,
        *,
        physics: DistinctPages,
        graphics: DistinctPages,
        static: DistinctPages,
    ) -> None:
        """Times in seconds, float64 of shape (n,)."""
        self._sample: dict[str, Array] = {"timestamp": timestamp, "elapsed": elapsed, "sequence": sequence}
        self._pages = {"physics": physics, "graphics": graphics, "static": static}
        self._decimals: dict[str, Array] = {}
        self._texts: dict[str, TextColumn] = {}

    @classmethod
    def from_pages(cls, pages: Sequence[Pages], elapsed: Sequence[float], first_sequence: int = 0) -> "PageBlock":
        """The block of pages that there are one by one."""
        return cls(
            np.array([one.timestamp for one in pages], dtype=np.float64),
            np.array(elapsed, dtype=np.float64),
            np.arange(first_sequence, first_sequence + len(pages)),
            physics=DistinctPages.of("physics", b"".join(one.physics for one in pages)),
            graphics=_distinct("graphics", [one.graphics for one in pages]),
            static=_distinct("static", [one.static for one in pages]),
        )

    @property
    @override
    def holds_float32(self) -> bool:
        return True

    @override
    def __len__(self) -> int:
        return len(self._sample["timestamp"])

    @override
    def array(self, name: str) -> Array:
        if name in self._sample:
            return self._sample[name]
        distinct, index = self._distinct(_FIELDS[name])
        return distinct if index is None else distinct[index]

    @override
    def decimals(self, name: str) -> Array:
        if name in self._sample:
            return self._sample[name]
        if name not in self._decimals:
            distinct, index = self._distinct(_FIELDS[name])
            decimals = shortest_decimals(distinct)
            self._decimals[name] = decimals if index is None else decimals[index]
        return self._decimals[name]

    @override
    def texts(self, name: str) -> TextColumn:
        if name not in self._texts:
            field = _FIELDS[name]
            units, index = self._distinct(field)
            if index is None:
                index = np.arange(len(units))
            is_new = np.ones(len(units), dtype=np.bool_)
            np.any(units[1:] != units[:-1], axis=1, out=is_new[1:])
            codes: dict[bytes, int] = {}
            new_codes = [codes.setdefault(one.tobytes(), len(codes)) for one in units[is_new]]
            page_codes = np.array(new_codes, dtype=np.intp)[np.cumsum(is_new) - 1]
            self._texts[name] = TextColumn(page_codes[index], tuple(map(text_of, codes)))
        return self._texts[name]

    @override
    def snapshot(self, index: int) -> Snapshot:
        timestamp, elapsed, sequence = (self._sample[name][index] for name in ("timestamp", "elapsed", "sequence"))
        physics, graphics, static = (
            distinct.pages[index if distinct.shown is None else distinct.shown[index]].tobytes()
            for distinct in self._pages.values()
        )
        pages = Pages(physics, graphics, static, float(timestamp))
        return self._decoder.decode(pages, elapsed=float(elapsed), sequence=int(sequence))

    @override
    def select(self, rows: Array) -> Block:
        timestamp, elapsed, sequence = (column[rows] for column in self._sample.values())
        pages = {group: distinct.select(rows) for group, distinct in self._pages.items()}
        return PageBlock(timestamp, elapsed, sequence, **pages)

    @cached_property
    def _decoder(self) -> PageDecoder:
        return PageDecoder()

    def words(self, group: str) -> Array:
        """The different pages of one kind as 32-bit words, uint32 of shape (m, words)."""
        pages = self._pages[group].pages
        return pages.view(np.uint32).reshape(len(pages), -1)

    def _distinct(self, field: Field) -> tuple[Array, Array | None]:
        """The field in the different pages, and which of them each moment shows."""
        pages, index = self._pages[field.group]
        column = pages[field.sdk_name]
        return (column if field.component is None else column[:, field.component]), index


def _distinct(group: str, pages: Sequence[bytes]) -> DistinctPages:
    is_new = [not at or page != pages[at - 1] for at, page in enumerate(pages)]
    kept = b"".join(page for page, new in zip(pages, is_new, strict=True) if new)
    return DistinctPages.of(group, kept, np.cumsum(is_new, dtype=np.intp) - 1)


def shortest_decimals(numbers: Array) -> Array:
    """Float32 numbers as the doubles with their shortest decimals, as :mod:`telemetry.fields.codec` has them.

    Of numbers that stay the same from row to row each is converted once.
    """
    rows = np.ascontiguousarray(numbers).reshape(len(numbers), -1)
    is_new = np.ones(len(rows), dtype=bool)
    words = rows.view(np.uint32)  # equal bits, so that -0.0 and NaN stay what they are
    np.any(words[1:] != words[:-1], axis=1, out=is_new[1:])
    decimals = find_shortest(rows[is_new].ravel()).reshape(int(is_new.sum()), rows.shape[1])
    if len(decimals) < len(rows):
        decimals = decimals[np.cumsum(is_new) - 1]
    return decimals.reshape(numbers.shape)
