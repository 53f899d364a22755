"""What params.yaml may say of mixing, and how the rest is refused before anything heavy is loaded."""

from typing import Any

import pytest

from robust_digits.attack.table import ATTACKS, Plain, Restarts, Samples
from robust_digits.errors import InputError
from robust_digits.mix.settings import Crafted
from robust_digits.params import parse
from stages import augment, craft

GIVEN: dict[str, Any] = {"norm": "inf", "eps": 0.2, "fraction": 1.0, "attacks": {"fgm": {}}}


def read(attacks: dict[str, Any], **changed: object) -> Crafted:
    """Return the attacks as the stage `craft` reads them."""
    values = {"seed": 0, "threads": 1, "craft": {**GIVEN, "attacks": attacks, **changed}}
    return parse(craft.Params, values, where="params.yaml").craft.attacks


def refusal(attacks: dict[str, Any], **changed: object) -> str:
    """Return the message that they are refused with."""
    with pytest.raises(InputError) as caught:
        read(attacks, **changed)
    return str(caught.value)


def test_several_attacks_have_their_settings() -> None:
    """Attacks come in the order of the table, whatever that in params.yaml is."""
    given = {"jsma": {"samples": 5}, "pgd": {"steps": 4, "restarts": 1}, "fgm": {}}
    chosen = read(given).chosen()
    assert chosen == {"fgm": Plain(), "pgd": Restarts(steps=4, restarts=1), "jsma": Samples(samples=5)}
    assert list(chosen) == ["fgm", "pgd", "jsma"]


def test_every_attack_but_the_one_that_shows_a_set_can_be_crafted() -> None:
    """`transfer` shows what was crafted; all others of the table make images."""
    assert list(Crafted.model_fields) == [name for name in ATTACKS if name != "transfer"]
    assert refusal({"fgm": {}, "transfer": {}}).startswith("params.yaml: craft.attacks.transfer is not a parameter")


def test_fgm_is_always_crafted() -> None:
    """Its test images are the transfer set that every model is shown."""
    assert refusal({"bim": {"steps": 3}}) == "params.yaml: craft.attacks.fgm is missing"
    assert refusal({"fgm": None}).startswith("params.yaml: craft.attacks.fgm: expected settings, {} if there are none")


@pytest.mark.parametrize(("norm", "wrong"), [(2, "universal"), (1, "pgd, universal")])
def test_an_attack_that_does_not_know_the_norm_is_refused(norm: int, wrong: str) -> None:
    """Before it would move images by something else: one line names the attacks that know it, and those that do not."""
    given = {"fgm": {}, "universal": {"samples": 3}, "pgd": {"steps": 4, "restarts": 1}}
    (line,) = refusal(given, norm=norm).splitlines()
    assert line.startswith(f"params.yaml: craft.attacks: expected attacks that know norm {norm} (")
    assert f"), not {wrong}, got " in line


@pytest.mark.parametrize("norm", ["inf", 1, 2])
def test_fgm_knows_every_norm(norm: object) -> None:
    """As it did when it was the only attack."""
    assert list(read({"fgm": {}}, norm=norm).chosen()) == ["fgm"]


def test_a_wrong_norm_is_said_once() -> None:
    """Where the norm is none, nothing is said of attacks that do not know it."""
    assert refusal({"fgm": {}}, norm="max") == "params.yaml: craft.norm: expected 'inf', 1 or 2, got 'max'"


def test_the_settings_of_one_attack() -> None:
    """A stage is told the name of its attack; another one is refused with those that there are."""
    attacks = read({"fgm": {}, "pgd": {"steps": 4, "restarts": 1}})
    assert attacks.of("pgd") == Restarts(steps=4, restarts=1)
    with pytest.raises(InputError, match=r"^expected an attack of craft.attacks \(fgm, pgd\), got 'bim'$"):
        attacks.of("bim")


def appended(shares: dict[str, Any], crafted: dict[str, Any]) -> dict[str, float]:
    """Return the shares as the stage `augment` reads them."""
    values = {"craft": {**GIVEN, "attacks": crafted}, "augment": {"attacks": shares}}
    return parse(augment.Params, values, where="params.yaml").augment.attacks.chosen()


def test_shares_of_what_is_crafted() -> None:
    """Each set that joins the training images has its share; none at all is a control without any attack."""
    crafted = {"fgm": {}, "bim": {"steps": 3}}
    assert appended({"bim": 0.5, "fgm": 1.0}, crafted) == {"fgm": 1.0, "bim": 0.5}
    assert appended({"bim": 1.0}, crafted) == {"bim": 1.0}
    assert appended({}, crafted) == {}


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ({"fgm": 0.0}, "augment.attacks.fgm: expected greater than 0, got 0.0"),
        ({"fgm": None}, "augment.attacks.fgm: expected a valid number, got None"),
        ({"bmi": 1.0}, "augment.attacks.bmi is not a parameter; did you mean bim?"),
        ({"fgm": 1.0, "bim": 1.0}, "augment: expected attacks of craft.attacks (fgm), not bim, got "),
    ],
    ids=["nothing", "empty", "misspelt", "not crafted"],
)
def test_shares_of_what_is_not_there_are_refused(shares: dict[str, Any], says: str) -> None:
    """One line says which, and which sets there are."""
    with pytest.raises(InputError) as caught:
        appended(shares, {"fgm": {}})
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"params.yaml: {says}")
