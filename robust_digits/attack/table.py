"""The table of attacks: one record each, all that is known of an attack but the code that runs it.

That code is the function of the same name in attacks.py. The table is light: params.yaml is checked against it before
TensorFlow loads, and checks and pictures ask it what an attack is.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import create_model, field_validator

from robust_digits.attack.settings import Noise, Plain, Queries, Restarts, Samples, Steps
from robust_digits.params import Section


@dataclass(frozen=True)
class Attack:
    """What is known of an attack.

    `label` is its name for people; `glance` are settings for a quick look, and their type is what params.yaml may say.
    A `bounded` attack uses the whole ball of radius eps; any other looks for the smallest perturbation it can find, and
    an image for which it needed more than eps has survived. A `white_box` attack follows gradients of the very model
    that it attacks. An `iterative` one takes many steps uphill, each from where the last one led. A `search` finds more
    the longer it looks, so that `settings.doubled` must not find much more.
    """

    label: str
    glance: Section
    bounded: bool = True
    white_box: bool = False
    iterative: bool = False
    search: bool = False

    @property
    def settings(self) -> type[Section]:
        """The type of what the attack may be told."""
        return type(self.glance)


_FEW = Samples(samples=10)
ATTACKS = {
    "grey": Attack("grey image", Plain()),
    "noise": Attack("noise", Noise(draws=10)),
    "transfer": Attack("transfer", Plain()),
    "fgm": Attack("FGM", Plain(), white_box=True),
    "bim": Attack("BIM", Steps(steps=20), white_box=True, iterative=True, search=True),
    "pgd": Attack("PGD", Restarts(steps=40, restarts=1), white_box=True, iterative=True, search=True),
    "pgd_margin": Attack(
        "PGD on the margin", Restarts(steps=40, restarts=1), white_box=True, iterative=True, search=True
    ),
    "square": Attack("Square", Queries(queries=1000), search=True),
    "deepfool": Attack("DeepFool", _FEW, bounded=False, white_box=True, iterative=True),
    "jsma": Attack("JSMA", _FEW, bounded=False, white_box=True, iterative=True),
    "universal": Attack("universal perturbation", _FEW, white_box=True),
    "virtual_adversarial": Attack("virtual adversarial", _FEW, white_box=True),
    "carlini_wagner": Attack("Carlini-Wagner", _FEW, bounded=False, white_box=True, iterative=True),
    "newtonfool": Attack("NewtonFool", _FEW, bounded=False, white_box=True, iterative=True),
    "hopskipjump": Attack("HopSkipJump", _FEW, bounded=False),
}


_fields: Any = {name: (each.settings | None, None) for name, each in ATTACKS.items()}
_Named: Any = create_model("_Named", __base__=Section, **_fields)


class Attacks(_Named):
    """The attacks that a model must survive, all within `evaluate.eps` in L-infinity; one left out is not run."""

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        """Refuse `fgm:` with nothing behind it, which YAML reads as null and which would silently run nothing."""
        if value is None:
            raise ValueError("expected settings, {} if there are none to give")
        return value

    @classmethod
    def everything(cls, *, samples: int) -> "Attacks":
        """Return all attacks with settings for a quick look, the slow ones on the first `samples` test images."""
        few = Samples(samples=samples)
        return cls(**{name: few if each.settings is Samples else each.glance for name, each in ATTACKS.items()})

    def chosen(self) -> dict[str, Section]:
        """Return the attacks to run, by name."""
        return {name: settings for name, settings in self if settings is not None}
