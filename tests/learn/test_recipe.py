"""The recipe of a hardening: what params.yaml may say, and how the rest is refused before TensorFlow loads."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from robust_digits.errors import InputError
from robust_digits.learn.recipe import Method, Recipe
from robust_digits.params import Section, parse

ROOT = Path(__file__).parents[2]
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["harden"]
WEIGHTS: dict[str, float | None] = {"pgd": None, "fast": None, "trades": 6.0, "ibp": 0.5, "mixed": 0.5}
BOUNDED = ["ibp", "mixed"]
SHARES = st.floats(0, 1)


class Params(Section):
    """A parameters file with a recipe in it."""

    harden: Recipe


def read(**changed: object) -> Recipe:
    """Return the recipe as read from a parameters file, legal whatever the project's own is, but for some values."""
    legal = {**VALUES, "method": "pgd", "weight": None}
    return parse(Params, {"harden": {**legal, **changed}}, where="params.yaml").harden


def refusal(**changed: object) -> str:
    """Return the one line that a recipe is refused with."""
    with pytest.raises(InputError) as caught:
        read(**changed)
    (line,) = str(caught.value).splitlines()
    return line


def test_params_yaml_holds_a_recipe() -> None:
    """What the project itself hardens by is legal."""
    recipe = parse(Params, {"harden": VALUES}, where="params.yaml").harden
    assert recipe.method == VALUES["method"]
    assert set(Recipe.model_fields) == set(VALUES)


def dry_run(*given: str) -> str:
    """Return the commands that `make mnist` would run."""
    command = ["make", "--dry-run", "mnist", *given]
    environment = {name: value for name, value in os.environ.items() if name != "RECIPE"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def set_by(*given: str) -> dict[str, Any]:
    """Return what `make mnist` would set of `harden`."""
    return {name: yaml.safe_load(value) for name, value in re.findall(r"'harden\.(\w+)=([^']*)'", dry_run(*given))}


@pytest.mark.parametrize(
    ("given", "method"),
    [
        ([], "trades"),
        (["RECIPE=trades"], "trades"),
        (["RECIPE=quick"], "trades"),
        (["RECIPE=ibp"], "ibp"),
        (["RECIPE=ibp-quick"], "ibp"),
        (["RECIPE=record"], "ibp"),
    ],
)
def test_make_mnist_hardens_by_a_recipe(given: list[str], method: Method) -> None:
    """What `make mnist` sets of `harden` is legal, whether or not a recipe is named."""
    assert parse(Params, {"harden": {**VALUES, **set_by(*given)}}, where="Makefile").harden.method == method


@pytest.mark.parametrize(("base", "recipe"), [("mnist_hardened", "quick"), ("mnist_proven", "ibp-quick")])
def test_seeds_are_compared_of_the_recipe_itself(base: str, recipe: str) -> None:
    """A study of the hardened model on MNIST hardens by what `make mnist` sets for the recipe that it names."""
    kept = yaml.safe_load((ROOT / f"docs/studies/bases/{base}.yaml").read_text(encoding="utf-8"))
    studied = {name.removeprefix("harden."): value for name, value in kept.items() if name.startswith("harden.")}
    assert studied == set_by(f"RECIPE={recipe}")


def test_make_mnist_knows_its_recipes() -> None:
    """A recipe that there is not is refused before anything is run."""
    printed = dry_run("RECIPE=nonsense")
    assert printed.index("ibp-quick or record, got \"'nonsense'; exit 1") < printed.index("dvc exp run")


def test_it_is_light() -> None:
    """Checking a recipe loads neither TensorFlow nor anything else that takes its time."""
    code = (
        "import sys; from robust_digits.learn import recipe; print({'tensorflow', 'keras', 'art'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed == "set()\n"


def test_every_method_can_be_chosen() -> None:
    """Each method has a recipe, with the weight that it needs or without one."""
    assert set(WEIGHTS) == set(get_args(Method))
    for method, weight in WEIGHTS.items():
        recipe = read(method=method, weight=weight)
        assert (recipe.method, recipe.weight) == (method, weight)


# The weight


@given(st.sampled_from(BOUNDED), st.floats(0, 1, exclude_min=True))
def test_a_share_in_the_bounds(method: str, weight: float) -> None:
    """Any share above 0, and all of it, may be that of the worst logits."""
    assert read(method=method, weight=weight).weight == weight


@given(st.sampled_from(BOUNDED), st.none() | st.floats(1, 1e6, exclude_min=True))
def test_what_is_no_share_is_refused(method: str, weight: float | None) -> None:
    """A method that shares its loss out needs a share, and says so with its name."""
    line = refusal(method=method, weight=weight)
    assert line == f"params.yaml: harden.weight: expected a share in (0, 1] for {method}, got {weight}"


@given(st.floats(0, 1e6, exclude_min=True))
def test_trades_weighs_as_it_likes(weight: float) -> None:
    """The divergence may weigh more than the cross-entropy: 6 is the paper's."""
    assert read(method="trades", weight=weight).weight == weight


def test_trades_needs_a_weight() -> None:
    """Without a weight there is no TRADES."""
    assert refusal(method="trades", weight=None) == (
        "params.yaml: harden.weight: expected a number above 0 for trades, got None"
    )


@pytest.mark.parametrize("method", ["pgd", "fast"])
def test_one_term_has_no_weight(method: str) -> None:
    """A weight that nothing would read is refused, not ignored."""
    assert refusal(method=method, weight=0.5) == (
        f"params.yaml: harden.weight: expected null for {method}, whose loss has one term, got 0.5"
    )


@pytest.mark.parametrize("method", WEIGHTS)
@given(weight=st.floats(max_value=0) | st.just(float("nan")) | st.just(float("inf")))
def test_no_weight_is_below_zero(method: str, weight: float) -> None:
    """Nothing weighs nothing, less, or infinitely much, whatever the method."""
    assert refusal(method=method, weight=weight).startswith("params.yaml: harden.weight: expected ")


def test_an_unknown_method_is_one_line() -> None:
    """The message lists the methods, and says nothing of a weight that only they could judge."""
    line = refusal(method="madry", weight=0.5)
    assert line.startswith("params.yaml: harden.method: expected ")
    assert line.endswith(", got 'madry'")
    assert all(f"'{method}'" in line for method in get_args(Method))


# What bounds are trained with


def test_bounds_are_kept_tight_if_asked() -> None:
    """Training by bounds takes both settings."""
    recipe = read(method="ibp", weight=0.7, tighten=0.5, clean_images=32)
    assert (recipe.tighten, recipe.clean_images) == (0.5, 32)


@pytest.mark.parametrize("name", ["tighten", "clean_images"])
@pytest.mark.parametrize("method", sorted(set(WEIGHTS) - {"ibp"}))
def test_no_other_method_keeps_boxes_tight(method: str, name: str) -> None:
    """What would change nothing is refused."""
    line = refusal(method=method, weight=WEIGHTS[method], **{name: 1})
    assert line == f"params.yaml: harden.{name}: expected null but for ibp, got 1"


# Over the run


@given(SHARES, SHARES)
def test_a_ramp_goes_forwards(one: float, other: float) -> None:
    """Any two shares of the run are a ramp in ascending order, and none the other way round."""
    low, high = sorted((one, other))
    assert read(ramp=[low, high]).ramp == (low, high)
    if low < high:
        line = refusal(ramp=[high, low])
        assert line == (f"params.yaml: harden.ramp: expected shares of the run in ascending order, got {[high, low]}")


@given(st.lists(st.tuples(SHARES, st.floats(0, 1e3)), min_size=1, max_size=5))
def test_a_schedule_goes_forwards(points: list[tuple[float, float]]) -> None:
    """Any multipliers at ascending shares of the run are a schedule; two at the same share are a jump."""
    ascending = sorted(points, key=lambda point: point[0])
    assert read(schedule=[list(point) for point in ascending]).schedule == tuple(ascending)
    shares = [share for share, _ in points]
    if shares != sorted(shares):
        assert refusal(schedule=[list(point) for point in points]).startswith(
            "params.yaml: harden.schedule: expected shares of the run in ascending order, got "
        )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ramp": [0.5]}, "harden.ramp.1 is missing"),
        ({"ramp": [0.0, 0.5, 1.0]}, "harden.ramp: expected at most 2 items, not 3, got [0.0, 0.5, 1.0]"),
        ({"ramp": 0.3}, "harden.ramp: expected a list, got 0.3"),
        ({"ramp": None}, "harden.ramp: expected a list, got None"),
        ({"ramp": [0.0, 1.1]}, "harden.ramp.1: expected less than or equal to 1, got 1.1"),
        ({"ramp": [-0.1, 1.0]}, "harden.ramp.0: expected greater than or equal to 0, got -0.1"),
        ({"ramp": [0.0, "0.3"]}, "harden.ramp.1: expected a valid number, got '0.3'"),
        ({"ramp": [False, 0.3]}, "harden.ramp.0: expected a valid number, got False"),
        ({"ramp": [0.0, float("nan")]}, "harden.ramp.1: expected "),
        ({"schedule": []}, "harden.schedule: expected at least 1 item, not 0, got []"),
        ({"schedule": [0.5]}, "harden.schedule.0: expected a list, got 0.5"),
        ({"schedule": [[0.0, 1.0], [1.0]]}, "harden.schedule.1.1 is missing"),
        ({"schedule": [[0.0, -1.0]]}, "harden.schedule.0.1: expected greater than or equal to 0, got -1.0"),
        ({"schedule": [[0.0, float("inf")]]}, "harden.schedule.0.1: expected a finite number, got inf"),
        ({"schedule": [[2.0, 1.0]]}, "harden.schedule.0.0: expected less than or equal to 1, got 2.0"),
    ],
)
def test_what_is_no_ramp_or_schedule(changed: dict[str, object], words: str) -> None:
    """A wrong part is named by where it stands, in one line: nothing is said again of the list around it."""
    line = refusal(**changed)
    assert line.startswith(f"params.yaml: {words}")
    assert ", got " in line or line.endswith("is missing")


# The rest


@pytest.mark.parametrize("eps", [0, 0.0, 0.3, 1, 1.0])
def test_eps_is_in_the_range_of_a_pixel(eps: float) -> None:
    """Any radius from none to the whole range can be trained for."""
    assert read(eps=eps).eps == eps


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"eps": -0.1}, "eps: expected greater than or equal to 0, got -0.1"),
        ({"eps": 1.5}, "eps: expected less than or equal to 1, got 1.5"),
        ({"eps": float("nan")}, "eps: expected "),
        ({"eps": "a third"}, "eps: expected a valid number, got 'a third'"),
        ({"eps": None}, "eps: expected a valid number, got None"),
        ({"steps": 0}, "steps: expected greater than or equal to 1, got 0"),
        ({"steps": 2.5}, "steps: expected a valid integer, got 2.5"),
        ({"step": 0.0}, "step: expected greater than 0, got 0.0"),
        ({"step": float("inf")}, "step: expected a finite number, got inf"),
        ({"learning_rate": 0}, "learning_rate: expected greater than 0, got 0"),
        ({"clip": 0.0}, "clip: expected greater than 0, got 0.0"),
        ({"epochs": 0}, "epochs: expected greater than or equal to 1, got 0"),
        ({"batch_size": True}, "batch_size: expected a valid integer, got True"),
        ({"patience": 0}, "patience: expected greater than or equal to 1, got 0"),
        ({"allow_collapse": "no"}, "allow_collapse: expected a valid boolean, got 'no'"),
        ({"allow_collapse": 1}, "allow_collapse: expected a valid boolean, got 1"),
        ({"architecture": "resnet"}, "architecture: expected 'one_convolution', "),
    ],
)
def test_values_out_of_range_are_refused(changed: dict[str, object], words: str) -> None:
    """The message has the key, what is legal and what was given."""
    assert refusal(**changed).startswith(f"params.yaml: harden.{words}")


@pytest.mark.parametrize("key", ["step", "clip", "patience"])
def test_null_leaves_it_to_the_method(key: str) -> None:
    """What need not be set is null."""
    assert getattr(read(**{key: None}), key) is None


def test_a_misspelt_key_names_the_legal_ones() -> None:
    """An unknown key is refused with the most similar one."""
    assert refusal(epocs=3).startswith(
        "params.yaml: harden.epocs is not a parameter; did you mean epochs? legal here: "
    )


def test_it_is_frozen() -> None:
    """A training cannot change its own recipe."""
    with pytest.raises(ValueError, match="frozen"):
        read().eps = 0.1  # type: ignore[misc]
