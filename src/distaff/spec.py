"""Parts of a recipe: small frozen records that read and write as `{name: {field: value}}`.

YAML and Python share one schema because both build the same records: `{gaussian: {size: 8}}` and
`Gaussian(8)` validate to equal objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from distaff.errors import nearest

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class Record(BaseModel):
    """A frozen record that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, fields: Any) -> Any:
        """Name the nearest right field; pydantic's own message only says that extra ones are forbidden."""
        if isinstance(fields, dict):
            known = {info.alias or name for name, info in cls.model_fields.items()}
            for field in fields:
                if field not in known and field not in cls.model_fields:
                    raise ValueError(f"unknown field {field!r}; {nearest(str(field), known)}")
        return fields


@dataclass_transform(kw_only_default=False, field_specifiers=(Field,))
class _ByPosition(ModelMetaclass):
    """Tells type checkers what Spec does: fields may be given by position."""


class Spec(Record, metaclass=_ByPosition):
    """A record that is chosen by its `tag`; in Python its fields may also be given by position."""

    tag: ClassVar[str]

    def __init__(self, *args: Any, **fields: Any) -> None:
        names = list(type(self).model_fields)
        if len(args) > len(names):
            raise TypeError(f"{type(self).__name__} takes at most {len(names)} values: {', '.join(names)}")
        super().__init__(**dict(zip(names, args, strict=False)), **fields)

    @model_serializer(mode="wrap")
    def _write_tagged(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {self.tag: write(self)}


def one_of(*classes: type[Spec]) -> BeforeValidator:
    """Return a validator that reads `tag`, `{tag: fields}` or a ready record into one of `classes`."""
    by_tag = {each.tag: each for each in classes}

    def read(value: Any) -> Any:
        if isinstance(value, classes):
            return value
        if isinstance(value, str):
            value = {value: {}}
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError(f"expected one of {', '.join(by_tag)} with its fields, got {value!r}")
        tag, fields = next(iter(value.items()))
        if tag not in by_tag:
            raise ValueError(f"no part is called {tag!r}; {nearest(str(tag), by_tag)}")
        return by_tag[tag].model_validate(fields if fields is not None else {})

    return BeforeValidator(read)
