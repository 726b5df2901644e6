"""Options declared once as fields of a dataclass: :func:`expand_option_groups` gives a command one argument each."""

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from typer.models import OptionInfo


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """How the fields of a dataclass become options, where the dataclass itself does not say so.

    ``options`` holds the annotation of each option by the name of its field; fields that it leaves out keep their
    default. ``hidden`` options work, and ``--help`` does not list them.
    """

    options: Mapping[str, Any] | None = None
    hidden: bool = False


def expand_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """A command for typer, with an option for each field of each parameter that is a dataclass.

    A field is declared as a parameter of a command is: ``seed: Annotated[int, typer.Option(help=...)] = 0``.
    A parameter ``Annotated[SomeDataclass, OptionGroup(...)]`` says otherwise. All parameters become keyword-only.
    """
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, tuple[Any, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        hint = hints[name]
        kind, group = _kind_and_group(hint)
        if not is_dataclass(kind):
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hint))
            continue
        options = _options(kind, group)
        groups[name] = kind, [option.name for option in options]
        parameters += options

    @wraps(command)
    def run(**values: Any) -> None:
        for name, (kind, names) in groups.items():
            values[name] = kind(**{option: values.pop(option) for option in names if option in values})
        command(**values)

    # Typer reads the options off these two.
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # of any function
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": None}
    return run


def option_names(group: type) -> tuple[str, ...]:
    """The names of the fields of an option group."""
    return tuple(field.name for field in fields(group))


def _kind_and_group(hint: Any) -> tuple[Any, OptionGroup]:
    if get_origin(hint) is not Annotated:
        return hint, OptionGroup()
    kind, *metadata = get_args(hint)
    return kind, next((entry for entry in metadata if isinstance(entry, OptionGroup)), OptionGroup())


def _options(kind: Any, group: OptionGroup) -> list[inspect.Parameter]:
    annotations = get_type_hints(kind, include_extras=True) if group.options is None else group.options
    parameters = []
    for field in fields(kind):
        if field.name not in annotations:
            continue
        if field.default is MISSING:
            raise TypeError(f"{kind.__name__}.{field.name} needs a default to be an option.")
        annotation = annotations[field.name]
        parameters.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=_hidden(annotation) if group.hidden else annotation,
            )
        )
    return parameters


def _hidden(annotation: Any) -> Any:
    kind, *metadata = get_args(annotation)
    options = [copy(entry) if isinstance(entry, OptionInfo) else entry for entry in metadata]
    for option in options:
        if isinstance(option, OptionInfo):
            option.hidden = True
    return Annotated[(kind, *options)]
