"""The settings of detectors and of the attack that knows them: light, to be checked before TensorFlow loads."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, create_model, field_validator, model_validator

from robust_digits.params import Count, Positive, Section, Share


class Squeezing(Section):
    """To how many bits a pixel is rounded, and the side of the window of the median filter, in pixels."""

    bits: Annotated[int, Field(ge=1, le=8)]
    median: Annotated[int, Field(ge=2, le=9)]


class Mahalanobis(Section):
    """What is added to every variance of a feature, as a share of their mean."""

    ridge: Positive


_KINDS: Any = {"squeezing": (Squeezing | None, None), "mahalanobis": (Mahalanobis | None, None)}
_Named: Any = create_model("_Named", __base__=Section, **_KINDS)


class Detectors(_Named):
    """The detectors to judge; one left out is not judged."""

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        """Refuse `squeezing:` with nothing behind it, which YAML reads as null."""
        if value is None:
            raise ValueError("expected settings")
        return value

    @model_validator(mode="after")
    def _some(self) -> "Detectors":
        """Refuse `{}`."""
        if not self.chosen():
            raise ValueError("expected one detector at least")
        return self

    def chosen(self) -> dict[str, Section]:
        """Return the detectors to judge, by name."""
        return {name: settings for name, settings in self if settings is not None}


class Evading(Section):
    """How hard the attack that knows a detector tries: from how many random starts, with how many steps, each way.

    `weights` are those of the detector's score beside the model's loss where both are climbed at once.
    """

    steps: Count
    starts: Count
    weights: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=20, strict=False)]


def _different(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse a share that stands there twice."""
    if len(set(shares)) < len(shares):
        raise ValueError("expected each share once")
    return shares


FalseAlarms = Annotated[
    tuple[Share, ...], Field(min_length=1, max_length=20, strict=False), AfterValidator(_different)
]  # shares of clean images
