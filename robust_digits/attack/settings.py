"""The settings of each attack, as params.yaml holds them: light, so that they are checked before TensorFlow loads.

An attack that is left out of `evaluate.attacks` is not run.
"""

from pydantic import field_validator

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


class Attacks(Section):
    """The attacks that a model must survive, all within `evaluate.eps` in L-infinity; the last seven are slow."""

    grey: Plain | None = None
    noise: Noise | None = None
    transfer: Plain | None = None
    fgm: Plain | None = None
    bim: Steps | None = None
    pgd: Restarts | None = None
    pgd_margin: Restarts | None = None
    square: Queries | None = None
    deepfool: Samples | None = None
    jsma: Samples | None = None
    universal: Samples | None = None
    virtual_adversarial: Samples | None = None
    carlini_wagner: Samples | None = None
    newtonfool: Samples | None = None
    hopskipjump: Samples | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        """Refuse `fgm:` with nothing behind it, which YAML reads as null and which would silently run nothing."""
        if value is None:
            raise ValueError("expected settings, {} if there are none to give")
        return value

    @classmethod
    def everything(cls, *, samples: int) -> "Attacks":
        """Return all attacks with settings for a quick look."""
        few = Samples(samples=samples)
        return cls(
            grey=Plain(),
            noise=Noise(draws=10),
            transfer=Plain(),
            fgm=Plain(),
            bim=Steps(steps=20),
            pgd=Restarts(steps=40, restarts=1),
            pgd_margin=Restarts(steps=40, restarts=1),
            square=Queries(queries=1000),
            deepfool=few,
            jsma=few,
            universal=few,
            virtual_adversarial=few,
            carlini_wagner=few,
            newtonfool=few,
            hopskipjump=few,
        )

    def chosen(self) -> dict[str, Section]:
        """Return the attacks to run, by name."""
        return {name: settings for name, settings in self if settings is not None}
