"""The settings of the attacks: what params.yaml may say, and how the rest is refused."""

from typing import Any

import pytest

from robust_digits.attack.table import (
    ATTACKS,
    Attacks,
    Ensemble,
    Noise,
    Plain,
    Queries,
    Restarts,
    Samples,
    Steps,
    Targets,
    doubled,
    member,
)
from robust_digits.errors import InputError
from robust_digits.params import Section, parse


class Evaluate(Section):
    """The part of the evaluation that holds the attacks."""

    attacks: Attacks


class Params(Section):
    """A parameters file with attacks in it."""

    evaluate: Evaluate


def read(attacks: dict[str, Any]) -> Attacks:
    """Return the attacks as read from a parameters file."""
    return parse(Params, {"evaluate": {"attacks": attacks}}, where="params.yaml").evaluate.attacks


def refusal(attacks: dict[str, Any]) -> str:
    """Return the message that the attacks are refused with."""
    with pytest.raises(InputError) as caught:
        read(attacks)
    return str(caught.value)


def test_every_kind_of_attack_is_read() -> None:
    """Each attack has the settings that params.yaml gives it, as its own frozen record."""
    assert read(
        {
            "grey": {},
            "noise": {"draws": 10},
            "bim": {"steps": 20},
            "pgd": {"steps": 40, "restarts": 3},
            "apgd_t": {"steps": 100, "targets": 9},
            "square": {"queries": 1000},
            "autoattack": {},
            "deepfool": {"samples": 5},
        }
    ).chosen() == {
        "grey": Plain(),
        "noise": Noise(draws=10),
        "bim": Steps(steps=20),
        "pgd": Restarts(steps=40, restarts=3),
        "apgd_t": Targets(steps=100, targets=9),
        "square": Queries(queries=1000),
        "autoattack": Ensemble(steps=100, targets=9, queries=5000),
        "deepfool": Samples(samples=5),
    }


def test_an_attack_left_out_is_not_run() -> None:
    """Only the attacks that params.yaml names are chosen."""
    assert list(read({"fgm": {}}).chosen()) == ["fgm"]


def test_attacks_run_in_the_order_of_the_table() -> None:
    """The order in params.yaml does not matter: metrics and plots always list the attacks in the same one."""
    mixed = {"hopskipjump": {"samples": 1}, "square": {"queries": 1}, "pgd": {"steps": 1, "restarts": 1}, "grey": {}}
    assert list(read(mixed).chosen()) == ["grey", "pgd", "square", "hopskipjump"]


def test_everything_is_every_attack() -> None:
    """A quick look is at all attacks of the table, the slow ones on as many images as asked for."""
    chosen = Attacks.everything(samples=7).chosen()
    assert list(chosen) == list(Attacks.model_fields)
    assert {settings.samples for settings in chosen.values() if isinstance(settings, Samples)} == {7}


def test_an_unknown_attack_names_the_legal_ones() -> None:
    """A misspelt attack is refused with the most similar one and with all there are."""
    message = refusal({"pgdd": {"steps": 40, "restarts": 3}})
    assert message.startswith("params.yaml: evaluate.attacks.pgdd is not a parameter; did you mean pgd? legal here: ")
    assert message.split("legal here: ")[1].split(", ") == sorted(Attacks.model_fields)


def test_an_unknown_setting_names_the_legal_ones() -> None:
    """A misspelt setting is refused where it stands, with the settings of that very attack."""
    lines = refusal({"pgd": {"stepz": 40, "restarts": 3}}).splitlines()
    assert lines == [
        "params.yaml: evaluate.attacks.pgd.steps is missing",
        "params.yaml: evaluate.attacks.pgd.stepz is not a parameter; did you mean steps? legal here: restarts, steps",
    ]


def test_an_attack_without_settings_takes_none() -> None:
    """A setting that an attack would ignore is refused."""
    assert refusal({"fgm": {"steps": 3}}).startswith("params.yaml: evaluate.attacks.fgm.steps is not a parameter")


@pytest.mark.parametrize(
    ("attack", "setting"),
    [
        ("noise", "draws"),
        ("bim", "steps"),
        ("pgd", "steps"),
        ("pgd", "restarts"),
        ("pgd_margin", "steps"),
        ("pgd_margin", "restarts"),
        ("apgd_t", "targets"),
        ("autoattack", "steps"),
        ("square", "queries"),
        ("deepfool", "samples"),
        ("jsma", "samples"),
        ("universal", "samples"),
        ("virtual_adversarial", "samples"),
        ("carlini_wagner", "samples"),
        ("newtonfool", "samples"),
        ("hopskipjump", "samples"),
    ],
)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0, "expected greater than or equal to 1, got 0"),
        (-1, "expected greater than or equal to 1, got -1"),
        (1.5, "expected a valid integer, got 1.5"),
        ("3", "expected a valid integer, got '3'"),
        (True, "expected a valid integer, got True"),
        (None, "expected a valid integer, got None"),
    ],
)
def test_counts_are_whole_and_positive(attack: str, setting: str, given: object, expected: str) -> None:
    """No attack takes zero steps, half a step, or a number in quotes."""
    good = dict.fromkeys(ATTACKS[attack].settings.model_fields, 1)
    assert refusal({attack: {**good, setting: given}}) == (
        f"params.yaml: evaluate.attacks.{attack}.{setting}: {expected}"
    )


def test_settings_are_frozen() -> None:
    """An attack cannot change the settings of the next."""
    attacks = read({"bim": {"steps": 20}})
    with pytest.raises(ValueError, match="frozen"):
        attacks.bim = None  # type: ignore[attr-defined]


def test_an_attack_with_nothing_behind_it_is_refused() -> None:
    """`fgm:` without `{}` is null in YAML, and would silently not be run."""
    message = refusal({"fgm": None})
    assert message == ("params.yaml: evaluate.attacks.fgm: expected settings, {} if there are none to give, got None")


def test_twice_the_effort() -> None:
    """A search is doubled in its steps or queries; what else is set stays."""
    assert doubled(Steps(steps=20)) == Steps(steps=40)
    assert doubled(Restarts(steps=40, restarts=3)) == Restarts(steps=80, restarts=3)
    assert doubled(Queries(queries=1000)) == Queries(queries=2000)


def test_a_member_has_the_effort_of_its_ensemble() -> None:
    """What the ensemble's settings say holds for each member; the rest is as usual."""
    told = Ensemble(steps=7, targets=2, queries=30)
    assert member("apgd_ce", told) == Restarts(steps=7, restarts=1)
    assert member("fab_t", told) == Targets(steps=7, targets=2)
    assert member("square", told) == Queries(queries=30)


def test_autoattack_is_as_its_paper_has_it() -> None:
    """With nothing set, the four attacks run in order with the standard version's effort."""
    standard = ATTACKS["autoattack"]
    assert {name: member(name, Ensemble()) for name in standard.members} == {
        "apgd_ce": Restarts(steps=100, restarts=1),
        "apgd_t": Targets(steps=100, targets=9),
        "fab_t": Targets(steps=100, targets=9),
        "square": Queries(queries=5000),
    }
