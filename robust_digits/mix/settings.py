"""What params.yaml says of mixing: by which attacks sets are crafted, and how much of each joins the training images.

Light, so that it is checked before TensorFlow loads.
"""

from typing import Any

from pydantic import ValidationInfo, create_model, field_validator

from robust_digits.attack.table import ATTACKS, Chosen, Plain, Settings, settings_of
from robust_digits.errors import InputError, shown
from robust_digits.params import Fraction, Norm, Positive, Section

FGM = "fgm"  # always crafted: its test images are the transfer set that every model is shown
_CRAFTED = [name for name in ATTACKS if name != "transfer"]  # which shows a set that is there

_settings: dict[str, Any] = {**settings_of(_CRAFTED), FGM: (Plain, ...)}
_shares: Any = dict.fromkeys(_CRAFTED, (Fraction, None))
_Named: Any = create_model("_Named", __base__=Settings, **_settings)
_Shares: Any = create_model("_Shares", __base__=Chosen, **_shares)


class Crafted(_Named):
    """The attacks that a set each is crafted by, with their settings."""

    def of(self, attack: str) -> Section:
        """Return the settings of an attack; an InputError if no set is crafted by it."""
        chosen = self.chosen()
        if attack not in chosen:
            raise InputError(f"expected an attack of craft.attacks ({', '.join(chosen)}), got {shown(attack)}")
        settings: Section = chosen[attack]
        return settings


class Shares(_Shares):
    """Of each attack's set of training images, the share that joins them, the first ones; none of one left out."""


class Crafting(Section):
    """The attacks, and the size of their perturbations in a norm: of those that have a bound."""

    norm: Norm
    eps: Positive
    attacks: Crafted

    @field_validator("attacks")
    @classmethod
    def _in_norm(cls, attacks: Crafted, told: ValidationInfo) -> Crafted:
        """Refuse attacks that do not know the norm; ART's Fast Gradient Method knows all."""
        norm = told.data.get("norm")
        legal = [name for name in _CRAFTED if name == FGM or norm in ATTACKS[name].norms]
        wrong = [name for name in attacks.chosen() if name not in legal]
        if norm is not None and wrong:
            raise ValueError(f"expected attacks that know norm {norm} ({', '.join(legal)}), not {', '.join(wrong)}")
        return attacks
