"""The table of attacks: one record each, all that is known of an attack but the code that runs it.

That code is the function of the same name in attacks.py. The table is light: params.yaml is checked against it before
TensorFlow loads, and checks and pictures ask it what an attack is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import create_model, field_validator, model_validator

from robust_digits.params import Count, Section


class Plain(Section):
    """An attack with nothing to set."""


class Noise(Section):
    """How many random perturbations each image must survive."""

    draws: Count


class Steps(Section):
    """How many steps an iterative attack takes."""

    steps: Count


class Restarts(Steps):
    """How often an attack starts anew, from another random place in the ball, against images that still stand."""

    restarts: Count


class Targets(Steps):
    """How many classes an attack leads to, one after another, the likeliest first."""

    targets: Count


class Queries(Section):
    """How many times an attack that sees only outputs may ask the model about each image."""

    queries: Count


class Ensemble(Section):
    """The effort of AutoAttack's members; what is not said is as in its standard version, with which others compare."""

    steps: Count = 100
    targets: Count = 9
    queries: Count = 5000


class Samples(Section):
    """How many of the first images a slow attack is run on."""

    samples: Count


@dataclass(frozen=True)
class Attack:
    """What is known of an attack.

    `label` is its name for people; `usual` are settings as others use them, or for a quick look at a slow attack, and
    their type is what params.yaml may say. A `bounded` attack uses the whole ball of radius eps; any other looks for
    the smallest perturbation it can find, and an image for which it needed more than eps has survived. A `white_box`
    attack follows gradients of the very model that it attacks. An `iterative` one takes many steps uphill, each from
    where the last one led. A `search` finds more the longer it looks, so that `doubled` settings must not find much
    more. `norms` are those that it knows. An ensemble has `members`, each of which attacks what the ones before it
    left standing.
    """

    label: str
    usual: Section = field(default_factory=Plain)
    bounded: bool = True
    white_box: bool = False
    iterative: bool = False
    search: bool = False
    norms: tuple[str | int, ...] = ("inf",)
    members: tuple[str, ...] = ()

    @property
    def settings(self) -> type[Section]:
        """The type of what the attack may be told."""
        return type(self.usual)


_FEW = Samples(samples=10)
_BOTH: tuple[str | int, ...] = ("inf", 2)
_CLIMB: dict[str, Any] = {"white_box": True, "iterative": True, "search": True, "norms": _BOTH}
ATTACKS = {
    "grey": Attack("grey image", norms=_BOTH),
    "noise": Attack("noise", Noise(draws=10), norms=_BOTH),
    "transfer": Attack("transfer", norms=_BOTH),
    "fgm": Attack("FGM", white_box=True, norms=_BOTH),
    "bim": Attack("BIM", Steps(steps=20), **_CLIMB),
    "pgd": Attack("PGD", Restarts(steps=40, restarts=1), **_CLIMB),
    "pgd_margin": Attack("PGD on the margin", Restarts(steps=40, restarts=1), **_CLIMB),
    "apgd_ce": Attack("APGD-CE", Restarts(steps=100, restarts=1), **_CLIMB),
    "apgd_t": Attack("APGD-T", Targets(steps=100, targets=9), **_CLIMB),
    "fab_t": Attack("FAB-T", Targets(steps=100, targets=9), bounded=False, **_CLIMB),
    "square": Attack("Square", Queries(queries=5000), search=True, norms=_BOTH),
    "autoattack": Attack("AutoAttack", Ensemble(), norms=_BOTH, members=("apgd_ce", "apgd_t", "fab_t", "square")),
    "apgd_square": Attack("APGD and Square", Ensemble(), norms=_BOTH, members=("apgd_ce", "apgd_t", "square")),
    "adaptive": Attack("adaptive", Restarts(steps=100, restarts=1), **_CLIMB),
    "deepfool": Attack("DeepFool", _FEW, bounded=False, white_box=True, iterative=True),
    "jsma": Attack("JSMA", _FEW, bounded=False, white_box=True, iterative=True),
    "universal": Attack("universal perturbation", _FEW, white_box=True),
    "virtual_adversarial": Attack("virtual adversarial", _FEW, white_box=True),
    "carlini_wagner": Attack("Carlini-Wagner", _FEW, bounded=False, white_box=True, iterative=True),
    "newtonfool": Attack("NewtonFool", _FEW, bounded=False, white_box=True, iterative=True),
    "hopskipjump": Attack("HopSkipJump", _FEW, bounded=False),
}


def doubled(settings: Section) -> Section:
    """Return the settings of a search with twice the steps and queries, and as many restarts: twice the work."""
    return settings.model_copy(update={name: 2 * value for name, value in settings if name in {"steps", "queries"}})


def member(name: str, settings: Section) -> Section:
    """Return the settings of a member of an ensemble: its usual ones, but for what the ensemble's say."""
    told = settings.model_dump()
    usual = ATTACKS[name].usual
    return usual.model_copy(update={key: told[key] for key in type(usual).model_fields if key in told})


class Chosen(Section):
    """Attacks by their names, each with what is said of it; one left out is not chosen."""

    def chosen(self) -> dict[str, Any]:
        """Return what is said of each attack that is chosen, by name, in the order of the table."""
        return {name: said for name, said in self if said is not None}


class Settings(Chosen):
    """The settings of the attacks that are chosen."""

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        """Refuse `fgm:` with nothing behind it, which YAML reads as null and which would silently run nothing."""
        if value is None:
            raise ValueError("expected settings, {} if there are none to give")
        return value


def settings_of(names: Iterable[str]) -> dict[str, Any]:
    """Return the fields of a record that may have settings of each of these attacks."""
    return {name: (ATTACKS[name].settings | None, None) for name in names}


_Named: Any = create_model("_Named", __base__=Settings, **settings_of(ATTACKS))


class Attacks(_Named):
    """The attacks that a model must survive, all within one eps in one norm; one left out is not run."""

    @model_validator(mode="after")
    def _some(self) -> "Attacks":
        """Refuse `{}`, whose worst case would be the accuracy on clean images."""
        if not self.chosen():
            raise ValueError("expected one attack at least")
        return self

    @classmethod
    def everything(cls, *, samples: int) -> "Attacks":
        """Return all attacks with their usual settings, the slow ones on the first `samples` test images."""
        few = Samples(samples=samples)
        return cls(**{name: few if each.settings is Samples else each.usual for name, each in ATTACKS.items()})
