"""Parts: the frozen records that a recipe is made of, and the registry that finds them by name.

YAML and Python share one schema because both build the same records: `{gaussian: {size: 8}}` and
`Gaussian(8)` validate to equal objects. A family is an abstract subclass of `Part` with a `family` name; a
subclass of a family with a `tag` of its own is registered by being defined. So a part of another package is
as good as one of ours: a field annotated with the family accepts it, and it is written and read under its
tag.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from importlib.metadata import PackageNotFoundError, entry_points, packages_distributions, version
from operator import or_
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    Self,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
)

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from distaff.errors import InputError, nearest

if TYPE_CHECKING:
    from pydantic import SerializerFunctionWrapHandler
    from pydantic._internal._model_construction import ModelMetaclass
else:
    from pydantic import SerializerFunctionWrapHandler

    ModelMetaclass = type(BaseModel)

GROUP = "distaff.plugins"
"""The entry-point group: each entry names a module that defines parts, metrics or figures when imported."""
T = TypeVar("T")
_log = logging.getLogger("distaff")


@dataclass(frozen=True)
class Provider:
    """Who defined a part: the module, and the installed package it belongs to, if any."""

    module: str
    package: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        return f"package {self.package} {self.version}" if self.package else f"module {self.module}"


@cache
def provider(module: str) -> Provider:
    """Return who provides what a module defines.

    >>> provider("distaff.losses").module
    'distaff.losses'
    """
    top = module.split(".", maxsplit=1)[0]
    for name in _packages().get(top, ()):
        try:
            return Provider(module, name, version(name))
        except PackageNotFoundError:
            continue
    return Provider(module)


@cache
def _packages() -> Mapping[str, list[str]]:
    """Return the installed packages of every top module; looking them all up takes a third of a second."""
    return packages_distributions()


def is_foreign(module: str) -> bool:
    """Tell whether a module is not distaff's own."""
    return module.split(".", maxsplit=1)[0] != "distaff"


class Registry(Mapping[str, T], Generic[T]):
    """Things of one kind by name, in the order in which they were defined.

    Modules named by the entry points of other packages are imported when a name is not found, or when all
    names are asked for.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register a class or a function under a name.

        The same definition may come again, as when a notebook cell is run twice.

        Raises:
            InputError: the name belongs to another definition.
        """
        before = self._things.get(name)
        if before is not None and _origin(before) != _origin(thing):
            raise InputError(
                f"the {self.kind} {name!r} is defined by {_origin(before)[0]} and by {_origin(thing)[0]}; "
                "give one of them another name"
            )
        self._things[name] = thing

    def __getitem__(self, name: str) -> T:
        if name not in self._things:
            load_plugins()
        if name not in self._things:
            raise InputError(f"there is no {self.kind} {name!r}; {nearest(str(name), self._things)}")
        return self._things[name]

    def __contains__(self, name: object) -> bool:
        if name not in self._things:
            load_plugins()
        return name in self._things

    def __iter__(self) -> Iterator[str]:
        load_plugins()
        return iter(self._things)

    def __len__(self) -> int:
        load_plugins()
        return len(self._things)


def _origin(thing: object) -> tuple[str, str]:
    """Return where a class was defined, or the function of a metric or a figure."""
    thing = getattr(thing, "function", thing)
    return str(getattr(thing, "__module__", "")), str(getattr(thing, "__qualname__", thing))


FAMILIES: dict[str, Registry[type[Part]]] = {}
"""The parts of each family by tag."""


@cache
def load_plugins() -> None:
    """Import the modules that other packages' entry points name; one that fails is named in a warning."""
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # noqa: BLE001 - a stranger's module may fail in any way
            _log.warning("plugin %s (%s) cannot be imported: %s", entry.name, entry.value, error)


def import_parts(module: str) -> None:
    """Import a module that defines parts, looked for in the current folder too (the `--import` option).

    Raises:
        InputError: there is no such module, or it fails while it is imported.

    >>> import_parts("distaff.schedules")
    """
    if not all(name.isidentifier() for name in module.split(".")):
        name = module.removesuffix(".py").replace("/", ".").strip(".")
        raise InputError(
            f"import {module!r}: no name of a module; write it as in Python, such as {name or 'mine'}"
        )
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if module.endswith(".py") and error.name == module:
            hint = module.removesuffix(".py")
            raise InputError(f"import {module}: write the module without its suffix: {hint}") from None
        raise InputError(
            f"import {module}: there is no module {error.name!r}; run in its folder, or install its package"
        ) from None
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"import {module}: {type(error).__name__}: {error}") from error


class _Checked(ModelMetaclass):
    """Turns what pydantic says of a wrong field into one line, when a record is made in Python."""

    def __call__(cls, *args: Any, **fields: Any) -> Any:  # noqa: N805 - a metaclass  # noqa: N805 - of a metaclass
        try:
            return super().__call__(*args, **fields)
        except ValidationError as error:
            raise InputError(f"{cls.__name__}: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """Return the first of pydantic's complaints in one line, the place of the field first."""
    problem = error.errors(include_url=False)[0]
    spot = ".".join(str(part) for part in problem["loc"] if not str(part).startswith("function-"))
    message = problem["msg"].removeprefix("Value error, ")
    got = problem.get("input")
    hidden = (
        isinstance(got, (dict, list, tuple)) or hasattr(got, "__array__") or problem["type"] == "value_error"
    )
    shown = "" if hidden else f", got {got!r:.60}"
    if message[1:2].islower():
        message = message[0].lower() + message[1:]
    return f"{spot + ': ' if spot else ''}{message}{shown}"


class Record(BaseModel, metaclass=_Checked):
    """A frozen record that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    renamed: ClassVar[Mapping[str, str]] = {}
    """Fields of earlier versions, each with what to write in its place."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, fields: Any) -> Any:
        """Name the nearest right field; pydantic's own message only says that extra ones are forbidden."""
        if isinstance(fields, dict):
            known = {info.alias or name for name, info in cls.model_fields.items()}
            for field in fields:
                if field not in known and field not in cls.model_fields:
                    hint = nearest(str(field), known)
                    if field in cls.renamed:
                        hint = f"it is now {cls.renamed[field]}"
                    raise ValueError(f"unknown field {field!r}; {hint}")
        return fields


@dataclass_transform(kw_only_default=False, field_specifiers=(Field,))
class _ByPosition(_Checked):
    """Tells type checkers what Part does: fields may be given by position."""


class Part(Record, metaclass=_ByPosition):
    """A record that is chosen by its `tag`; in Python its fields may also be given by position."""

    family: ClassVar[str]
    """What kind of part it is. Set by the abstract class of a family."""
    tag: ClassVar[str]
    """Its name in a recipe. Setting it registers the class."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        names = [name for name, info in type(self).model_fields.items() if not info.kw_only]
        if len(args) > len(names):
            raise TypeError(f"{type(self).__name__} takes at most {len(names)} values: {', '.join(names)}")
        super().__init__(**dict(zip(names, args, strict=False)), **fields)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "family" in cls.__dict__:
            FAMILIES[cls.family] = Registry(cls.family)
        elif "tag" in cls.__dict__:
            FAMILIES[cls.family].add(cls.tag, cls)
        cls.__signature__ = _signature(cls)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if "family" not in cls.__dict__:
            return handler(source)
        # A field of the family's type takes any part of it, and writes the fields of the part that it got.
        write = core_schema.plain_serializer_function_ser_schema(_write_json, info_arg=False)
        return core_schema.no_info_plain_validator_function(cls.read, serialization=write)

    @classmethod
    def read(cls, value: Any) -> Self:
        """Return the part that `tag`, `{tag: fields}` or a ready part means.

        Raises:
            ValueError: no part of the family has this tag, or its fields do not fit.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            value = {value: {}}
        known = FAMILIES[cls.family]
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError(f"expected one of {', '.join(known)} with its fields, got {value!r:.80}")
        tag, fields = next(iter(value.items()))
        if tag not in known:
            raise ValueError(f"there is no {cls.family} {tag!r}; {nearest(str(tag), known)}")
        return cast("Self", known[tag].model_validate(fields if fields is not None else {}))

    @model_serializer(mode="wrap")
    def _write_tagged(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {self.tag: write(self)}


def _write_json(part: Part) -> Any:
    return part.model_dump(mode="json", by_alias=True)


def parts_of(value: object) -> Iterator[Part]:
    """Yield every part within a record, a sequence or a mapping, at any depth."""
    if isinstance(value, Part):
        yield value
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from parts_of(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from parts_of(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from parts_of(each)


def _signature(cls: type[Part]) -> inspect.Signature:
    """Return the fields as the parameters that `help()` and editors show."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    fields = sorted(cls.model_fields.items(), key=lambda item: bool(item[1].kw_only))
    parameters = []
    required_after_default = False
    for name, info in fields:
        default = inspect.Parameter.empty
        if not info.is_required():
            default = info.get_default(call_default_factory=True)
        required_after_default = required_after_default or default is not inspect.Parameter.empty
        keyword = bool(info.kw_only) or (required_after_default and default is inspect.Parameter.empty)
        parameters.append(
            inspect.Parameter(name, kinds[keyword], default=default, annotation=_plain_type(info.annotation))
        )
    parameters.sort(key=lambda each: each.kind)
    return inspect.Signature(parameters)


def _plain_type(annotation: Any) -> Any:
    """Return a type without what pydantic is told of it, which nobody can read in a signature."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _plain_type(inner[0])
    if origin in {Union, UnionType}:
        return reduce(or_, map(_plain_type, inner))
    if origin is None or origin is Literal:
        return annotation
    return origin[tuple(each if each is ... else _plain_type(each) for each in inner)]
