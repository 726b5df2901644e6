"""How fields are declared: a row class whose annotations are the schema, and what is known of each field."""

import ctypes
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    Self,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from ac_native_memory import PAGES, Page

Group = Literal["sample", "physics", "graphics", "static", "derived"]
"""Where a field comes from: the sample itself, one of the game's pages, or the derivation."""

DataType = Literal["integer", "number", "text", "bool"]
"""The type of one element of a field; a ``number`` is a float."""

Interpolation = Literal["time", "held", "linear", "linear_per_lap", "angle_rad", "angle_deg", "lap_fraction"]
"""How a field goes from one snapshot to the next.

``time``: the field is the time axis. ``held``: it keeps its value until the next snapshot. ``linear``: a straight line.
``linear_per_lap``: linear, but held while a new lap resets it. ``angle_rad``: linear the shorter way round a circle of
-pi..pi; ``angle_deg``: the same for 0..360 degrees. ``lap_fraction``: linear along the lap, 0..1, through its line.
"""

Range = tuple[float, float]
"""The lowest and the highest value that is possible, in the field's unit."""

Wheels = tuple[float, float, float, float]
"""One number per wheel: front left, front right, rear left, rear right."""
Vector = tuple[float, float, float]
"""x, y, z in the axes that the field's meaning names."""
WheelVectors = tuple[Vector, Vector, Vector, Vector]
"""A vector per wheel."""
NullableWheels = tuple[float | None, float | None, float | None, float | None]
"""One number per wheel, or None where it is not known."""
WheelFlags = tuple[bool, bool, bool, bool]
"""One flag per wheel."""
DamageZones = tuple[float, float, float, float, float]
"""Front, rear, left, right, overall maximum."""

STRUCTURES: Final[dict[str, type[Page]]] = {name.removeprefix("acpmf_"): structure for name, structure in PAGES.items()}
"""The game's pages by group."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row: its wire name, where it comes from, its unit and its meaning.

    ``dtype`` is the type of one element and ``shape`` the lengths of the array around it, () for a single value.
    ``offset`` (bytes) and ``c_layout`` (a C type like ``f32[4]``) say where in the page the value lies and how it is
    stored; both are None for a field that is not in a page. ``component`` is the index in a vector of the page, for a
    field that is one number of it. ``in_sdk`` is False for fields that no edition of the game's SDK names.

    ``interpolation`` says how the field is resampled. ``valid_range`` holds the values that the game can produce: a
    value outside was not written by it, or is torn; None where no limit is known but that it is finite. The widest cars
    and worst crashes count: a hit at 30 m/s that takes one step is 1,000 g. A field of which the game writes infinity
    too has a range without ends, and JSON lines hold that as null.
    """

    name: str
    group: Group
    unit: str
    meaning: str
    dtype: DataType
    shape: tuple[int, ...] = ()
    nullable: bool = False
    sdk_name: str | None = None
    component: int | None = None
    offset: int | None = None
    c_layout: str | None = None
    in_sdk: bool = True
    interpolation: Interpolation = "held"
    valid_range: Range | None = None

    @property
    def page(self) -> str | None:
        """The name of the shared memory that holds the field; None for a field that is not in a page."""
        return f"acpmf_{self.group}" if self.group in STRUCTURES else None

    @property
    def byte_size(self) -> int:
        """How many bytes of its page the field takes; 0 for a field that is not in a page."""
        if self.c_layout is None:
            return 0
        if self.dtype == "text":
            return 2 * self.text_length
        return 4 * math.prod(self.shape)

    @property
    def text_length(self) -> int:
        """How many UTF-16 units the page has for a text; 0 for a field that is not a text of a page."""
        if self.dtype != "text" or self.c_layout is None:
            return 0
        return int(self.c_layout.removeprefix("u16[").removesuffix("]"))

    @property
    def type_text(self) -> str:
        """The type for people, like ``number[4]`` or ``bool or null``."""
        text = self.dtype + "".join(f"[{length}]" for length in self.shape)
        return f"{text} or null" if self.nullable else text

    def json_schema(self) -> dict[str, Any]:
        """The field's value as JSON Schema (draft 2020-12). A number may be null: JSON has no NaN and no infinity."""
        name = {"integer": "integer", "number": "number", "text": "string", "bool": "boolean"}[self.dtype]
        schema: dict[str, Any] = {"type": [name, "null"] if self.dtype == "number" or self.nullable else name}
        for length in reversed(self.shape):
            schema = {"type": "array", "items": schema, "minItems": length, "maxItems": length}
        description = f"{self.meaning} [{self.unit}]" if self.unit else self.meaning
        return {"description": description, **schema}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """Field metadata given in an annotation; the rest of :class:`Field` follows from the name, the type and the page.

    Unless ``interpolation`` says otherwise, a number of a page that changes is interpolated in a straight line, and
    everything else is held.
    """

    group: Group
    unit: str
    meaning: str
    sdk_name: str | None = None
    component: int | None = None
    in_sdk: bool = True
    interpolation: Interpolation | None = None
    valid_range: Range | None = None


def sample(unit: str, meaning: str, *, interpolation: Interpolation | None = None) -> FieldSpec:
    """A field that comes with the copy of the pages and is not in them."""
    return FieldSpec(group="sample", unit=unit, meaning=meaning, interpolation=interpolation)


def physics(
    sdk_name: str,
    unit: str,
    meaning: str,
    *,
    component: int | None = None,
    interpolation: Interpolation | None = None,
    valid_range: Range | None = None,
) -> FieldSpec:
    """A field of the physics page; ``component`` picks one number of a vector."""
    return FieldSpec(
        group="physics",
        unit=unit,
        meaning=meaning,
        sdk_name=sdk_name,
        component=component,
        interpolation=interpolation,
        valid_range=valid_range,
    )


def graphics(
    sdk_name: str,
    unit: str,
    meaning: str,
    *,
    component: int | None = None,
    in_sdk: bool = True,
    interpolation: Interpolation | None = None,
    valid_range: Range | None = None,
) -> FieldSpec:
    """A field of the graphics page; ``component`` picks one number of a vector."""
    return FieldSpec(
        group="graphics",
        unit=unit,
        meaning=meaning,
        sdk_name=sdk_name,
        component=component,
        in_sdk=in_sdk,
        interpolation=interpolation,
        valid_range=valid_range,
    )


def static(sdk_name: str, unit: str, meaning: str) -> FieldSpec:
    """A field of the static page."""
    return FieldSpec(group="static", unit=unit, meaning=meaning, sdk_name=sdk_name)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Row(tuple[Any, ...]):
    """An immutable record that *is* the tuple of its values, in the order in which its class declares them.

    A subclass declares fields as ``name: Annotated[type, FieldSpec(...)]``; it inherits those of its base and appends
    its own. Values are not checked: decoders make rows in bulk and guarantee them.
    """

    __slots__ = ()
    FIELDS: ClassVar[tuple[Field, ...]] = ()
    NAMES: ClassVar[tuple[str, ...]] = ()
    INDEX: ClassVar[Mapping[str, int]] = {}
    """Where each field stands in the row."""

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        new = [_resolve(name, hint) for name, hint in hints.items() if name not in cls.INDEX and _is_field(hint)]
        for index, field in enumerate(new, start=len(cls.FIELDS)):
            setattr(cls, field.name, property(operator.itemgetter(index), doc=field.meaning))
        cls.FIELDS = (*cls.FIELDS, *new)
        cls.NAMES = tuple(field.name for field in cls.FIELDS)
        cls.INDEX = {name: index for index, name in enumerate(cls.NAMES)}

    def __new__(cls, **values: Any) -> Self:
        """A row of named values; TypeError where one is missing or unknown."""
        if values.keys() != cls.INDEX.keys():
            odd = sorted(values.keys() ^ cls.INDEX.keys())
            raise TypeError(f"{cls.__name__} takes exactly its fields; missing or unknown: {', '.join(odd)}")
        return cls.of(values[name] for name in cls.NAMES)

    @classmethod
    def of(cls, values: Iterable[Any]) -> Self:
        """The row of these values, which must be in the order of the fields."""
        return tuple.__new__(cls, values)

    @classmethod
    def getter(cls, *names: str) -> Callable[[Self], Any]:
        """Takes these fields out of a row in one call: a tuple, or the bare value of a single field.

        Raises KeyError for a name that is not a field. Taking many values this way is twice as fast as attributes.
        """
        return operator.itemgetter(*(cls.INDEX[name] for name in names))

    def replace(self, **changes: Any) -> Self:
        """A copy with other values in the named fields; TypeError for a name that is not a field."""
        values = list(self)
        index = self.INDEX
        try:
            for name, value in changes.items():
                values[index[name]] = value
        except KeyError as error:
            raise TypeError(f"{type(self).__name__} has no field {error}") from None
        return tuple.__new__(type(self), values)

    def to_dict(self) -> dict[str, Any]:
        """The values by field name."""
        return dict(zip(self.NAMES, self, strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).of, (tuple(self),)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in zip(self.NAMES, self, strict=True))
        return f"{type(self).__name__}({values})"


def _is_field(hint: Any) -> bool:
    return get_origin(hint) is Annotated


def _resolve(name: str, hint: Any) -> Field:
    """The field of an annotation; TypeError where its type differs from the page's."""
    python_type, spec = get_args(hint)
    dtype, shape, nullable = _parse_type(python_type)
    changes = dtype == "number" and spec.group in ("physics", "graphics")
    field = Field(
        name=name,
        group=spec.group,
        unit=spec.unit,
        meaning=spec.meaning,
        dtype=dtype,
        shape=shape,
        nullable=nullable,
        sdk_name=spec.sdk_name,
        component=spec.component,
        in_sdk=spec.in_sdk,
        interpolation=spec.interpolation or ("linear" if changes else "held"),
        valid_range=spec.valid_range,
    )
    if spec.sdk_name is None:
        return field
    structure = STRUCTURES[spec.group]
    offset = getattr(structure, spec.sdk_name).offset
    c_layout, lengths = _describe_c_type(next(entry[1] for entry in structure._fields_ if entry[0] == spec.sdk_name))
    if spec.component is not None:
        offset += 4 * spec.component
        c_layout, lengths = c_layout.partition("[")[0], ()
    page_dtype = {"i32": "integer", "f32": "number", "u16": "text"}[c_layout[:3]]
    if dtype != page_dtype or (dtype != "text" and shape != lengths):
        raise TypeError(f"{name} is declared as {python_type}, but the page holds {c_layout}")
    return replace(field, offset=offset, c_layout=c_layout)


def _parse_type(python_type: Any) -> tuple[DataType, tuple[int, ...], bool]:
    """Type of an element, lengths of the array around it, and whether an element may be None."""
    arguments = get_args(python_type)
    if type(None) in arguments:
        dtype, shape, _ = _parse_type(arguments[0])
        return dtype, shape, True
    if get_origin(python_type) is tuple:
        dtype, shape, nullable = _parse_type(arguments[0])
        return dtype, (len(arguments), *shape), nullable
    return _DATA_TYPES[python_type], (), False


_DATA_TYPES: Final[dict[type, DataType]] = {int: "integer", float: "number", str: "text", bool: "bool"}


def _describe_c_type(c_type: Any) -> tuple[str, tuple[int, ...]]:
    """A ctypes type as text, like ``f32[4][3]``, and its array lengths."""
    lengths: list[int] = []
    while issubclass(c_type, ctypes.Array):
        lengths.append(c_type._length_)
        c_type = c_type._type_
    name = {ctypes.c_int32: "i32", ctypes.c_float: "f32", ctypes.c_uint16: "u16"}[c_type]
    return name + "".join(f"[{length}]" for length in lengths), tuple(lengths)
