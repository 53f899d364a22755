"""The recipe of a hardening, as params.yaml holds it: light, so that it is checked before TensorFlow loads."""

from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from robust_digits.learn.choices import Architecture
from robust_digits.params import Count, Positive, Section

Method = Literal["pgd", "fast", "trades", "ibp", "mixed"]
Radius = Annotated[float, Field(ge=0, le=1)]
Progress = Annotated[float, Field(ge=0, le=1)]
Multiplier = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_BOUNDED = {"ibp", "mixed"}  # whose `weight` is a share


class Recipe(Section):
    """How a model is hardened: the network, the loss, the attack inside it, and how both grow over the run.

    `width` is the network's (null: its own). `eps` is the L-infinity radius trained for, reached along `ramp`, two
    shares of the run. The inner attack takes `steps` of `step` times eps each (null: 2.5 / `steps`, and 1.25 for
    `fast`, which takes one). `weight` is that of the second term of a loss: of the divergence in `trades`, and at full
    eps the share of the worst logits in `ibp` and `mixed`. `tighten` is what keeping boxes tight weighs in `ibp`, while
    eps grows, and gives the first weights for it (null: neither); `clean_images` how many of a batch that, the clean
    loss and the batch normalisations see (null: all). `schedule` multiplies `learning_rate`: straight lines between
    [share of the run, multiplier].
    """

    method: Method
    architecture: Architecture
    width: Count | None
    eps: Radius
    steps: Count
    step: Positive | None
    weight: Positive | None
    tighten: Positive | None
    clean_images: Count | None
    ramp: Annotated[tuple[Progress, Progress], Field(strict=False)]
    learning_rate: Positive
    schedule: Annotated[
        tuple[Annotated[tuple[Progress, Multiplier], Field(strict=False)], ...], Field(min_length=1, strict=False)
    ]
    clip: Positive | None
    epochs: Count
    batch_size: Count
    patience: Count | None
    allow_collapse: bool

    @field_validator("ramp", "schedule")
    @classmethod
    def _ascending(cls, value: tuple[float | tuple[float, float], ...]) -> tuple[float | tuple[float, float], ...]:
        """Refuse shares of the run that go back in time."""
        shares = [part[0] if isinstance(part, tuple) else part for part in value]
        if shares != sorted(shares):
            raise ValueError("expected shares of the run in ascending order")
        return value

    @field_validator("weight")
    @classmethod
    def _weighs(cls, value: float | None, info: ValidationInfo) -> float | None:
        """Refuse a weight where there is nothing to weigh, none where there is, and a share above 1."""
        method = info.data.get("method")
        if method in _BOUNDED and (value is None or value > 1):
            raise ValueError(f"expected a share in (0, 1] for {method}")
        if method == "trades" and value is None:
            raise ValueError("expected a number above 0 for trades")
        if method in set(get_args(Method)) - _BOUNDED - {"trades"} and value is not None:
            raise ValueError(f"expected null for {method}, whose loss has one term")
        return value

    @field_validator("tighten", "clean_images")
    @classmethod
    def _of_bounds(cls, value: float | None, info: ValidationInfo) -> float | None:
        """Refuse what would change nothing: it is of training by bounds."""
        if value is not None and info.data.get("method") != "ibp":
            raise ValueError("expected null but for ibp")
        return value
