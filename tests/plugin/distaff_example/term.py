"""A loss term: total variation, for smooth images (https://doi.org/10.1016/0167-2789(92)90242-F)."""

from typing import ClassVar

from distaff.losses import Column, Context, Step, Term, TermModule, Values
from distaff.schedules import Weight, as_schedule


class SmoothTerm(TermModule):
    def __init__(self, part: "Smooth") -> None:
        super().__init__()
        self.part = part
        self.columns = {"smooth": "absolute differences of neighbouring pixels, summed; no nats"}
        self.schedules = {"smooth": as_schedule(part.weight)}  # what the history shows beside the columns

    def forward(self, step: Step) -> Values:
        images = step.model.likelihood.image(step.decoded[0])  # [b, c, h, w]
        down = images.diff(dim=2).abs().flatten(1).sum(1)
        across = images.diff(dim=3).abs().flatten(1).sum(1)
        column = Column(down + across)  # one number for each image
        return Values(step.value(self.part.weight) * column.mean(), {"smooth": column})


class Smooth(Term):
    """Adds the total variation of the decoded images to the loss."""

    tag: ClassVar[str] = "smooth"
    weight: Weight = 1.0  # a number, or any schedule

    def build(self, context: Context) -> TermModule:
        return SmoothTerm(self)
