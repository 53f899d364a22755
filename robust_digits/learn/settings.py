"""The settings of training that params.yaml groups: light, so that they are checked before TensorFlow loads."""

from typing import Annotated

from pydantic import Field

from robust_digits.params import Section

Angle = Annotated[float, Field(ge=0, lt=90)]  # degrees
Part = Annotated[float, Field(ge=0, lt=1)]


class Augmentation(Section):
    """How far training images are distorted at random, anew in every epoch: up to so much either way; 0 is not at all.

    `rotation` and `shear` are in degrees, `shift` is a share of the image's side, `zoom` of its size.
    """

    rotation: Angle
    shift: Part
    shear: Angle
    zoom: Part
