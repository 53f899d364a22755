"""The settings of judging that params.yaml groups: light, so that they are checked before TensorFlow loads."""

from robust_digits.params import Count, Section, Sizes


class Curve(Section):
    """Where accuracy over eps is measured, with how many steps of AutoPGD, on how many of the first test images."""

    samples: Count
    steps: Count
    linf: Sizes
    l2: Sizes
