"""How fields are declared: a row class whose annotations are the schema, and all that can be asked of a field."""

import ctypes
import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self, dataclass_transform, get_args, get_origin, get_type_hints

from ac_native_memory import PAGES, Page

Group = Literal["sample", "physics", "graphics", "static", "derived"]
"""Where a field comes from: the sample itself, one of the game's pages, or the derivation layer."""

Wheels = tuple[float, float, float, float]
"""One number per wheel: front left, front right, rear left, rear right."""
Vector = tuple[float, float, float]
"""x, y, z in the axes that the field's meaning names."""
WheelVectors = tuple[Vector, Vector, Vector, Vector]
"""A vector per wheel."""

STRUCTURES: dict[str, type[Page]] = {name.removeprefix("acpmf_"): structure for name, structure in PAGES.items()}
"""The game's pages by group."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row: its wire name, where it comes from, in what unit and with what meaning.

    ``kind`` is the type of one element and ``shape`` the lengths of the array around it, () for a single value.
    ``offset`` and ``layout`` say where in the page the value lies and as what; both are None where it is in no page.
    """

    name: str
    group: Group
    unit: str
    meaning: str
    kind: Literal["integer", "number", "text", "bool"]
    shape: tuple[int, ...] = ()
    nullable: bool = False
    sdk_name: str | None = None
    component: int | None = None
    offset: int | None = None
    layout: str | None = None
    documented: bool = True

    @property
    def page(self) -> str | None:
        """The name of the mapping that holds the field."""
        return f"acpmf_{self.group}" if self.group in STRUCTURES else None

    @property
    def byte_size(self) -> int:
        """How many bytes of its page the field takes; 0 where it is in no page."""
        if self.offset is None:
            return 0
        if self.layout is not None and self.layout.startswith("u16"):
            return 2 * int(self.layout.removeprefix("u16[").removesuffix("]"))
        return 4 * math.prod(self.shape)

    @property
    def type_text(self) -> str:
        """The type as a person writes it, like ``number[4]`` or ``bool or null``."""
        text = self.kind + "".join(f"[{length}]" for length in self.shape)
        return f"{text} or null" if self.nullable else text

    def json_schema(self) -> dict[str, Any]:
        """The field's value as JSON Schema (draft 2020-12). A number may be null: JSON has no NaN and no infinity."""
        name = {"integer": "integer", "number": "number", "text": "string", "bool": "boolean"}[self.kind]
        schema: dict[str, Any] = {"type": [name, "null"] if self.kind == "number" or self.nullable else name}
        for length in reversed(self.shape):
            schema = {"type": "array", "items": schema, "minItems": length, "maxItems": length}
        description = f"{self.meaning} [{self.unit}]" if self.unit else self.meaning
        return {"description": description, **schema}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """What an annotation says of its field, before name and type are known."""

    group: Group
    unit: str
    meaning: str
    sdk_name: str | None = None
    component: int | None = None
    documented: bool = True


def physics(sdk_name: str, unit: str, meaning: str, *, component: int | None = None) -> FieldSpec:
    """A field of the physics page; ``component`` picks one number of a vector."""
    return FieldSpec("physics", unit, meaning, sdk_name, component)


def graphics(
    sdk_name: str, unit: str, meaning: str, *, component: int | None = None, documented: bool = True
) -> FieldSpec:
    """A field of the graphics page; ``component`` picks one number of a vector."""
    return FieldSpec("graphics", unit, meaning, sdk_name, component, documented)


def static(sdk_name: str, unit: str, meaning: str) -> FieldSpec:
    """A field of the static page."""
    return FieldSpec("static", unit, meaning, sdk_name)


def derived(unit: str, meaning: str) -> FieldSpec:
    """A field that follows from the raw ones."""
    return FieldSpec("derived", unit, meaning)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Row(tuple[Any, ...]):
    """An immutable record that *is* the tuple of its values, in the order in which its class declares them.

    A subclass declares fields as ``name: Annotated[type, mark]``; it inherits those of its base and adds its own behind
    them. Values are not checked: rows are made in bulk by decoders that guarantee them.
    """

    __slots__ = ()
    FIELDS: ClassVar[tuple[Field, ...]] = ()
    NAMES: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        own = [_resolve(name, hint) for name, hint in hints.items() if name not in cls.NAMES and _is_field(hint)]
        for index, field in enumerate(own, start=len(cls.FIELDS)):
            setattr(cls, field.name, property(operator.itemgetter(index), doc=field.meaning))
        cls.FIELDS = cls.FIELDS + tuple(own)
        cls.NAMES = tuple(field.name for field in cls.FIELDS)

    def __new__(cls, **values: Any) -> Self:
        """A row of named values; TypeError where one is missing or unknown."""
        if values.keys() != set(cls.NAMES):
            odd = sorted(values.keys() ^ set(cls.NAMES))
            raise TypeError(f"{cls.__name__} takes exactly its fields; missing or unknown: {', '.join(odd)}")
        return cls.of(values[name] for name in cls.NAMES)

    @classmethod
    def of(cls, values: Iterable[Any]) -> Self:
        """The row of these values, which must be in the order of the fields."""
        return tuple.__new__(cls, values)

    def replace(self, **changes: Any) -> Self:
        """A copy with other values in the named fields."""
        return type(self)(**{**self.to_dict(), **changes})

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
    python_type, mark = get_args(hint)
    kind, shape, nullable = _shape_of(python_type)
    field = Field(
        name=name,
        group=mark.group,
        unit=mark.unit,
        meaning=mark.meaning,
        kind=kind,
        shape=shape,
        nullable=nullable,
        sdk_name=mark.sdk_name,
        component=mark.component,
        documented=mark.documented,
    )
    if mark.sdk_name is None:
        return field
    structure = STRUCTURES[mark.group]
    offset = getattr(structure, mark.sdk_name).offset
    layout, length = _layout_of(next(entry[1] for entry in structure._fields_ if entry[0] == mark.sdk_name))
    if mark.component is not None:
        offset += 4 * mark.component
        layout, length = layout.partition("[")[0], ()
    if kind != {"i32": "integer", "f32": "number", "u16": "text"}[layout[:3]] or (kind != "text" and shape != length):
        raise TypeError(f"{name} is declared as {python_type}, and the page holds {layout}")
    return replace(field, offset=offset, layout=layout)


def _shape_of(python_type: Any) -> tuple[Literal["integer", "number", "text", "bool"], tuple[int, ...], bool]:
    """Kind of an element, lengths of the array around it, and whether an element may be None."""
    arguments = get_args(python_type)
    if type(None) in arguments:
        kind, shape, _ = _shape_of(arguments[0])
        return kind, shape, True
    if get_origin(python_type) is tuple:
        kind, shape, nullable = _shape_of(arguments[0])
        return kind, (len(arguments), *shape), nullable
    kinds: Mapping[type, Literal["integer", "number", "text", "bool"]]
    kinds = {int: "integer", float: "number", str: "text", bool: "bool"}
    return kinds[python_type], (), False


def _layout_of(c_type: Any) -> tuple[str, tuple[int, ...]]:
    """A ctypes type as text, like ``f32[4][3]``, and its array lengths."""
    lengths: list[int] = []
    while issubclass(c_type, ctypes.Array):
        lengths.append(c_type._length_)
        c_type = c_type._type_
    name = {ctypes.c_int32: "i32", ctypes.c_float: "f32", ctypes.c_uint16: "u16"}[c_type]
    return name + "".join(f"[{length}]" for length in lengths), tuple(lengths)
