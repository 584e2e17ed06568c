"""What the API reference shows: examples as blocks of code, and the fields of a part as its parameters."""

import importlib
import inspect
import re
import types
import typing
from typing import Any

from griffe import Class, Extension, Function, Object, Parameter, ParameterKind, Parameters

from distaff.parts import Record

EXAMPLE = re.compile(r"^( *)>>> .*(?:\n\1(?! *$).*)*", re.MULTILINE)
READING = re.compile(r"(?<=Interpretation:\n)(?: {4}.*\n?)+")
FIELD = re.compile(r"^( {4})(?=[A-Z][a-z ]+:)(.)", re.MULTILINE)
MODULES = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")
KINDS = {
    inspect.Parameter.POSITIONAL_OR_KEYWORD: ParameterKind.positional_or_keyword,
    inspect.Parameter.KEYWORD_ONLY: ParameterKind.keyword_only,
}


class Shown(Extension):
    """Fences the examples of every docstring, and reads signatures that are made when a class is."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Fence the examples of one docstring."""
        if obj.docstring:
            text = EXAMPLE.sub(r"\1```pycon\n\g<0>\n\1```", obj.docstring.value)
            obj.docstring.value = READING.sub(lambda found: FIELD.sub(r"\1- \2", found[0]), text)

    def on_class(self, *, cls: Class, **_: Any) -> None:
        """Give a part the signature that `help` shows."""
        made = getattr(importlib.import_module(cls.module.path), cls.name, None)
        if not (inspect.isclass(made) and issubclass(made, Record)) or made is Record:
            return
        found = [each for each in inspect.signature(made).parameters.values() if each.kind in KINDS]
        parameters = [
            Parameter(
                each.name,
                annotation=_text(each.annotation),
                kind=KINDS[each.kind],
                default=_value(each.default),
            )
            for each in found
        ]
        cls.set_member("__init__", Function("__init__", parameters=Parameters(*parameters)))


def _text(value: object) -> str | None:
    """An annotation as a person writes it."""
    if value is inspect.Parameter.empty:
        return None
    origin, inside = typing.get_origin(value), typing.get_args(value)
    if origin is typing.Annotated:
        return _text(inside[0])
    if origin in {typing.Union, types.UnionType}:
        return " | ".join(_text(each) or "" for each in inside)
    if inspect.isclass(value) and not inside:
        return "None" if value is types.NoneType else value.__name__
    return MODULES.sub("", value if isinstance(value, str) else repr(value))


def _value(value: object) -> str | None:
    return None if value is inspect.Parameter.empty else MODULES.sub("", repr(value))
