"""The recipe: what z is made of, what the loss is made of, and how each weight moves.

One schema serves YAML and Python: `Recipe(latent=[Gaussian(8)], loss=[KL()])` equals the recipe read from
the same lines of YAML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import torch
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from distaff.attributes import Attribute, first_attribute
from distaff.data import DataOptions
from distaff.errors import InputError, UnknownAttributeError, nearest
from distaff.latents import Gaussian, Latent, SamplerOptions
from distaff.likelihoods import Bernoulli, Likelihood
from distaff.losses import KL, Context, Objective, Term
from distaff.networks import Conv, ImageShape, Network
from distaff.optimizers import Adam, Optimizer
from distaff.parts import FAMILIES, Part, Record, first_problem
from distaff.recipes import read_yaml, set_field, shipped
from distaff.schedules import Weight, as_schedule
from distaff.vae import VAE

__all__ = ["Condition", "Recipe", "TrainOptions", "from_yaml", "load_recipe", "to_yaml"]


def _read_source(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


def _read_names(value: Any) -> Any:
    names = (value,) if isinstance(value, str) else value
    return {"attributes": names} if isinstance(names, (list, tuple)) else names


def _read_word(value: Any) -> Any:
    """Return a whole number as the word it is meant as: YAML reads 32 as a number."""
    return str(value) if type(value) is int else value


def _refuse_negative(value: Weight) -> Weight:
    lowest = min(as_schedule(value).levels)
    if lowest < 0:
        raise ValueError(f"the learning rate cannot be negative, got {lowest:g}")
    return value


class Condition(Record):
    """The attributes that join encoder and decoder (Sohn et al. 2015, a conditional VAE).

    `auto` is the data's first attribute with classes. `dropout` is the share of images whose condition the
    encoder does not see in training, so that it learns to encode images whose condition is unknown.
    """

    attributes: tuple[str, ...] = ()
    dropout: float = Field(default=0.1, ge=0, lt=1)


class TrainOptions(Record):
    """How long and how fast to train.

    `steps`, `batch` (images, or pairs), `lr` (a number or a schedule), `optimizer`, `precision` (auto:
    bfloat16 where it is faster), `seed`, `valid_every`, `checkpoint_every` and `images_every` (steps;
    None: no images), `checkpoint_minutes`: the longest time between two checkpoints, `early_stopping`: stop
    after this many validations without a better loss, counted once no term changes any more (None: never).
    `shuffle`: the order of the images; all are mixed (images), or blocks of neighbours (blocks), which a disk
    reads faster; auto: blocks where more than 1 GiB of them stays on disk.
    `devices`: processes of this machine, each with a GPU where there are any and a batch of its own (auto:
    one, or as many as torchrun starts); `nodes`: machines.
    `labelled_share`: at least this share of every batch carries a label, where only some images do.
    `gradient_clip`: the largest norm of the gradient; `value_clip`: the largest size of each number of it.
    `start`: a run whose model's weights this one begins with, where they have the same name and shape.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "patience": "early_stopping",
        "pictures_every": "images_every",
        "adam_betas": "optimizer: {adam: {betas: [...]}}",
        "replicas": "a run for each train.seed",
    }
    steps: int = Field(default=12_000, ge=1)
    batch: int = Field(default=128, ge=1)
    lr: Annotated[Weight, AfterValidator(_refuse_negative)] = 1e-3
    optimizer: Optimizer = Adam()
    precision: Annotated[Literal["auto", "bf16", "32"], BeforeValidator(_read_word)] = "auto"
    seed: int = Field(default=0, ge=0, lt=2**63)
    valid_every: int = Field(default=500, ge=1)
    checkpoint_every: int = Field(default=1000, ge=1)
    checkpoint_minutes: float = Field(default=5, gt=0)
    images_every: int | None = Field(default=1000, ge=1)
    shuffle: Literal["auto", "images", "blocks"] = "auto"
    early_stopping: int | None = Field(default=None, ge=1)
    labelled_share: float = Field(default=0.0, ge=0, lt=1)
    compile: bool = False
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    nodes: int = Field(default=1, ge=1)
    gradient_clip: float | None = Field(default=None, gt=0)
    value_clip: float | None = Field(default=None, gt=0)
    start: str | None = None


class Recipe(Record):
    """Everything needed to train a model again.

    >>> recipe = Recipe(latent=[Gaussian(8)], loss=[KL(weight=4)])
    >>> recipe == from_yaml(to_yaml(recipe), where="recipe")
    True

    Raises:
        InputError: a field does not fit, or would not be the same after it is written and read.
    """

    about: str = ""
    data: Annotated[DataOptions, BeforeValidator(_read_source)] = DataOptions.model_validate(
        {"source": "sprites"}
    )
    network: Network = Conv()
    latent: Annotated[Sequence[Latent], AfterValidator(tuple), Field(min_length=1)] = (Gaussian(),)
    likelihood: Likelihood = Bernoulli()
    condition: Annotated[Condition, BeforeValidator(_read_names)] = Condition()
    loss: Annotated[Sequence[Term], AfterValidator(tuple)] = (KL(),)
    sampler: SamplerOptions | None = None
    train: TrainOptions = TrainOptions()

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            about: str = "",
            data: DataOptions | str = "sprites",
            network: Network = ...,
            latent: Sequence[Latent] = ...,
            likelihood: Likelihood = ...,
            condition: Condition | Sequence[str] | str = ...,
            loss: Sequence[Term] = ...,
            sampler: SamplerOptions | None = None,
            train: TrainOptions = ...,
        ) -> None: ...

    @model_validator(mode="after")
    def _survive_writing(self, info: ValidationInfo) -> Self:
        """Refuse now what could not be loaded after the training."""
        if isinstance(info.context, dict) and info.context.get("written"):
            return self
        for where, part in _parts(self, ""):
            known = FAMILIES[part.family].get(part.tag)
            if known is not type(part):
                name = type(part).__name__
                raise ValueError(
                    f"{where}: {name} would be read back as {getattr(known, '__name__', None)}; "
                    f"give class {name} a tag of its own: tag: ClassVar[str] = {name.lower()!r}"
                )
        try:
            again = Recipe.model_validate(self.to_dict(), context={"written": True})
        except (ValueError, TypeError) as error:
            reason = str(error).splitlines()
            raise ValueError(f"the recipe cannot be read back once it is written: {reason[-1]}") from None
        for field in type(self).model_fields:
            if getattr(again, field) != getattr(self, field):
                raise ValueError(f"{field}: is not the same after it is written and read back")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, every field written out."""
        return self.model_dump(mode="json", by_alias=True)

    def changed(self, settings: Mapping[str, Any]) -> Recipe:
        """Return the recipe with some fields set by dotted path.

        A list of parts is entered by the part's tag, its `name`, or its number. The tag of another part in a
        part's place, as in `{"network.mlp.hidden": [64]}`, puts that one there.

        >>> Recipe().changed({"loss.kl.weight": 4}).loss
        (KL(weight=4.0, penalty='square', capacity=None, free_bits=0.0, free_per='dimension',
        average=False, blocks=None, name=None),)

        Raises:
            InputError: no such field (the nearest right one is named), or a value that does not fit.
        """
        raw = self.to_dict()
        for path, value in settings.items():
            set_field(raw, path, value)
        return parse(raw, where=f"settings ({', '.join(settings)})")

    def resolved(self, attributes: Mapping[str, Attribute]) -> Recipe:
        """Return the recipe with `auto` replaced by the attribute that it means in this data.

        Raises:
            InputError: the condition names an attribute that the data lack.
        """
        names = tuple(
            first_attribute(attributes, "condition") if name == "auto" else name
            for name in self.condition.attributes
        )
        for name in names:
            if name not in attributes:
                raise UnknownAttributeError("condition", name, attributes)
        condition = self.condition.model_copy(update={"attributes": names})
        loss = tuple(term.resolved(attributes) for term in self.loss)
        return self.model_copy(update={"condition": condition, "loss": loss})

    def build(self, attributes: Sequence[Attribute], shape: ImageShape, images: int) -> tuple[VAE, Objective]:
        """Return the model and the objective of a resolved recipe, initialised from its seed.

        Args:
            attributes: of the data.
            shape: channels, height and width of an image.
            images: how many training images there are.

        >>> vae, objective = Recipe(latent=[Gaussian(2)]).build((), (1, 8, 8), images=100)
        >>> vae.latents.outputs
        2
        """
        known = {each.name: each for each in attributes}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.train.seed)
            vae = VAE(
                shape,
                network=self.network,
                latent=self.latent,
                likelihood=self.likelihood,
                attributes=known,
                condition=self.condition.attributes,
                condition_dropout=self.condition.dropout,
            )
            objective = Objective(self.loss, Context(vae, known, images, self.train.steps))
        if self.train.early_stopping and any(term.balances for term in objective):
            raise InputError(
                "train.early_stopping: a term moves its own weight throughout (geco, controlled_kl), and "
                "losses under different weights cannot be compared; leave early_stopping out"
            )
        return vae, objective


def _parts(value: object, where: str) -> Iterator[tuple[str, Part]]:
    """Yield every part of a record with its dotted path."""
    if isinstance(value, Part):
        yield where, value
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _parts(getattr(value, name), f"{where}.{name}".lstrip("."))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from _parts(each, f"{where}.{index}")


def parse(raw: Any, where: str) -> Recipe:
    """Validate plain values into a recipe; `where` begins the message of the InputError."""
    if not isinstance(raw, Mapping):
        raise InputError(
            f"{where}: a recipe is a mapping of fields such as data, latent and loss, got {raw!r:.60}"
        )
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from None


def load_recipe(name: str | Path | Recipe) -> Recipe:
    """Return a recipe by its shipped name or from a YAML file.

    >>> load_recipe("vae").loss[0].tag
    'kl'

    Raises:
        InputError: an unknown name (the nearest is named), a missing or unreadable file, text that is not
            YAML, or any field that does not fit.
    """
    if isinstance(name, Recipe):
        return name
    known = shipped()
    if str(name) in known:
        return from_yaml(known[str(name)], where=f"recipe {name}")
    path = Path(name)
    try:
        if path.suffix not in {".yaml", ".yml"} and not path.exists():
            raise InputError(
                f"recipe: there is no recipe or file called {str(name)!r}; {nearest(str(name), known)}"
            )
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"recipe {path!s:.200}: cannot be read: {reason}") from None
    return from_yaml(text, where=f"recipe {path}")


def from_yaml(text: str, where: str) -> Recipe:
    """Read a recipe from YAML text; `where` begins the message of an InputError.

    >>> from_yaml("latent: [{gaussian: {size: 3}}]", where="recipe").latent[0].size
    3
    """
    return parse(read_yaml(text, where), where)


def to_yaml(recipe: Recipe) -> str:
    """Write a recipe as YAML, every field written out.

    >>> "kl:" in to_yaml(Recipe())
    True
    """
    return yaml.safe_dump(recipe.to_dict(), sort_keys=False, allow_unicode=True, width=100)
