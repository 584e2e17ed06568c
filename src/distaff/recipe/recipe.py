"""The recipe: what z is made of, what the loss is made of, and how each weight moves.

One schema serves YAML and Python: `Recipe(latent=[Gaussian(8)], loss=[KL()])` equals the recipe read from
the same lines of YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from distaff.data import DataOptions
from distaff.errors import InputError, nearest
from distaff.latent import Gaussian, LatentSpec
from distaff.likelihood import Bernoulli, LikelihoodSpec
from distaff.network import Conv, Network
from distaff.objective import KL, LossSpec
from distaff.schedule import Constant, Schedule, Weight
from distaff.spec import Record


def _read_source(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


def _read_names(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _read_word(value: Any) -> Any:
    """Return a whole number as the word it is meant as: YAML reads 32 as a number."""
    return str(value) if type(value) is int else value


def _refuse_negative(value: Schedule) -> Schedule:
    if min(value.levels) < 0:
        raise ValueError(f"the learning rate cannot be negative, got {min(value.levels):g}")
    return value


Decay = Annotated[float, Field(ge=0, lt=1)]
"""How much of a running mean is kept from step to step."""


class TrainOptions(Record):
    """How long and how fast to train.

    `steps`, `batch` (pictures), `lr` (a number or a schedule), `precision` (auto: bfloat16 where the machine
    has it), `seed`, `valid_every`, `checkpoint_every` and `pictures_every` (steps), `checkpoint_minutes`: the
    longest time between two checkpoints, `patience`: stop after this many validations without a better loss,
    counted once every schedule has ended (None: never).
    `shuffle`: the order of the pictures; all are mixed (pictures), or blocks of neighbours (blocks), which a
    disk reads faster; auto: blocks where more than 1 GiB of them stays on disk.
    `devices`: processes of this machine that share every batch, each with a GPU where there are any (auto:
    one, or as many as torchrun starts); `nodes`: machines that do. The result does not depend on them.
    `labelled_share`: at least this share of every batch carries a label, where only some pictures do.
    `adam_betas`: how much Adam keeps of its means of the gradient and of its square. `replicas`: how many
    models to train, each a run of its own, with `seed`, `seed` + 1, ...
    """

    steps: int = Field(default=12_000, ge=1)
    batch: int = Field(default=128, ge=1)
    lr: Annotated[Weight, AfterValidator(_refuse_negative)] = Constant(1e-3)
    precision: Annotated[Literal["auto", "bf16", "32"], BeforeValidator(_read_word)] = "auto"
    seed: int = Field(default=0, ge=0, lt=2**63)
    replicas: int = Field(default=1, ge=1, le=1000)
    valid_every: int = Field(default=500, ge=1)
    checkpoint_every: int = Field(default=1000, ge=1)
    checkpoint_minutes: float = Field(default=5, gt=0)
    pictures_every: int = Field(default=1000, ge=1)
    shuffle: Literal["auto", "pictures", "blocks"] = "auto"
    patience: int | None = Field(default=None, ge=1)
    labelled_share: float = Field(default=0.0, ge=0, lt=1)
    adam_betas: tuple[Decay, Decay] = (0.9, 0.999)
    compile: bool = False
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    nodes: int = Field(default=1, ge=1)
    gradient_clip: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _share_one_model(self) -> Self:
        if self.replicas > 1 and (self.nodes > 1 or self.devices not in ("auto", 1)):
            raise ValueError("replicas of a model share no devices: leave devices and nodes at 1")
        return self


class Recipe(Record):
    """Everything needed to train a model again."""

    about: str = ""
    data: Annotated[DataOptions, BeforeValidator(_read_source)] = DataOptions.model_validate(
        {"source": "sprites"}
    )
    network: Network = Conv()
    latent: tuple[LatentSpec, ...] = Field(default=(Gaussian(),), min_length=1)
    likelihood: LikelihoodSpec = Bernoulli()
    condition: Annotated[tuple[str, ...], BeforeValidator(_read_names)] = ()
    loss: tuple[LossSpec, ...] = (KL(),)
    train: TrainOptions = TrainOptions()

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, every field written out."""
        return self.model_dump(mode="json", by_alias=True)

    def changed(self, settings: Mapping[str, Any]) -> Recipe:
        """Return the recipe with some fields set by dotted path, as in `{"loss.kl.weight": 4}`.

        A list of parts is entered by the part's tag, its `name`, or its number. The tag of another part in a
        part's place, as in `{"network.mlp.hidden": [64]}`, puts that one there. Raises InputError that names
        the nearest right field.
        """
        raw = self.to_dict()
        for path, value in settings.items():
            _set(raw, path, value)
        return parse(raw, where="--set " + " ".join(f"{path}={value}" for path, value in settings.items()))


def parse(raw: Any, where: str) -> Recipe:
    """Validate plain values into a recipe; `where` begins the message of the InputError."""
    if not isinstance(raw, Mapping):
        raise InputError(
            f"{where}: a recipe is a mapping of fields such as data, latent and loss, got {raw!r:.60}"
        )
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{where}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    spot = ".".join(str(part) for part in problem["loc"] if not str(part).startswith("function-"))
    message = problem["msg"].removeprefix("Value error, ")
    got = problem.get("input")
    shown = (
        "" if isinstance(got, (dict, list, tuple)) or problem["type"] == "value_error" else f", got {got!r}"
    )
    return f"{spot + ': ' if spot else ''}{message[0].lower()}{message[1:]}{shown}"


FAMILIES = tuple(
    {each.tag: each for each in get_args(get_args(union)[0])}
    for union in (Network, LatentSpec, LikelihoodSpec, LossSpec)
)
"""The parts by tag that may stand in one another's place, every field of theirs with a default."""


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    """Set one field of nested plain values; see Recipe.changed."""
    spot: Any = raw
    walked: list[str] = []
    *ways, key = path.split(".")
    for part in ways:
        spot = _enter(spot, part, ".".join(walked))
        walked.append(part)
    if isinstance(spot, list):
        index = _index(spot, key, ".".join(walked))
        tag = next(iter(spot[index]))
        if not (isinstance(value, str) and _replace(spot[index], value)):
            spot[index] = value if isinstance(value, dict) else {tag: value}
        return
    if not (isinstance(spot, dict) and key in spot) and not _replace(spot, key):
        # A tagged part, {gaussian: {...}}: its fields lie one level down.
        spot = _inside(spot)
    if not isinstance(spot, dict) or key not in spot:
        known = list(spot) if isinstance(spot, dict) else []
        raise InputError(f"--set {path}: unknown field {key!r}; {nearest(key, known)}")
    spot[key] = value


def _enter(spot: Any, part: str, walked: str) -> Any:
    if isinstance(spot, list):
        return spot[_index(spot, part, walked)]
    if isinstance(spot, dict):
        inner = _inside(spot)
        if part in spot or (part not in inner and _replace(spot, part)):
            return spot[part]
        if part in inner:
            return inner[part]
        raise InputError(f"--set {walked or part}: unknown field {part!r}; {nearest(part, list(inner))}")
    raise InputError(f"--set {walked}.{part}: {walked!r} is the value {spot!r} and has no fields")


def _replace(spot: Any, tag: str) -> bool:
    """Put the part called `tag` in the place of another of its family; it keeps the fields that both have."""
    if not isinstance(spot, dict) or len(spot) != 1:
        return False
    present = next(iter(spot))
    for family in FAMILIES:
        if present in family and tag in family:
            part = family[tag]().model_dump(mode="json", by_alias=True)
            kept = spot.pop(present) or {}
            part[tag] |= {field: kept[field] for field in part[tag].keys() & kept.keys()}
            spot.update(part)
            return True
    return False


def _inside(part: Any) -> Any:
    """Return the fields of a tagged part, or the value itself."""
    if isinstance(part, dict) and len(part) == 1:
        inner = next(iter(part.values()))
        if isinstance(inner, dict):
            return inner
    return part


def _index(parts: list[Any], key: str, walked: str) -> int:
    if key.isdecimal() and int(key) < len(parts):
        return int(key)
    tags = [next(iter(part)) if isinstance(part, dict) else str(part) for part in parts]
    names = [_inside(part).get("name") if isinstance(_inside(part), dict) else None for part in parts]
    for labels in (names, tags):
        if key in labels:
            return labels.index(key)
    raise InputError(f"--set {walked}.{key}: no part {key!r}; {nearest(key, tags)}")
