"""What an attack may be told, a type for each kind of setting: light, so that it is checked before TensorFlow loads."""

from robust_digits.params import Count, Section


class Plain(Section):
    """An attack with nothing to set."""


class Noise(Section):
    """How many random perturbations each image must survive."""

    draws: Count


class Steps(Section):
    """How many steps an iterative attack takes; each is 2.5 eps / steps long."""

    steps: Count


class Restarts(Steps):
    """How often an attack starts anew, from a random place in the ball, against images that still stand."""

    restarts: Count


class Queries(Section):
    """How many times an attack that sees only outputs may ask the model about each image."""

    queries: Count


class Samples(Section):
    """How many of the first test images a slow attack is run on."""

    samples: Count


def doubled(settings: Section) -> Section:
    """Return the settings of a search with twice the steps or queries, and as many restarts: twice the work."""
    return settings.model_copy(update={name: 2 * value for name, value in settings if name in {"steps", "queries"}})
