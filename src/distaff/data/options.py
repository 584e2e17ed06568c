"""Which pictures, how many, and how they are cut: the `data:` part of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from distaff.spec import Record

Side = Annotated[int, Field(ge=1, le=16384)]


class DataOptions(Record):
    """Where the pictures come from and what is done to them before training."""

    source: str = Field(
        min_length=1, description="a name (mnist), a name with its place (mnist:DIR), or a path"
    )
    count: int | None = Field(
        None, ge=3, description="how many pictures, drawn at random by seed; all if unset"
    )
    image_size: Side | tuple[Side, Side] | None = Field(
        None, description="side of a square, or [height, width], in pixels; their own size if unset"
    )
    crop: Side | None = Field(None, description="centre square of this many pixels, cut before resizing")
    channels: Literal[1, 3] | None = Field(None, description="1 for grey, 3 for colour; their own if unset")
    attributes: tuple[str, ...] | None = Field(None, description="which attributes to keep; all if unset")
    labelled: float = Field(
        1.0, gt=0, le=1, description="fraction of the train and valid pictures whose labels training sees"
    )
    valid: float = Field(0.05, ge=0, lt=1, description="fraction of the pictures for validation")
    test: float = Field(0.1, ge=0, lt=1, description="fraction for the test, unless the data publish a split")
    seed: int = Field(0, ge=0, lt=2**63, description="draws the pictures, the splits and the labelled part")
    skip_bad: bool = Field(False, description="leave out pictures that cannot be read instead of stopping")

    @model_validator(mode="after")
    def _leave_some_to_train(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError(
                f"valid {self.valid:g} and test {self.test:g} leave none to train on: keep their sum below 1"
            )
        return self
