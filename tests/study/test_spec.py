"""A study's file says what is asked; everything that it can get wrong is one line."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from robust_digits.errors import InputError
from robust_digits.params import Section, parse, read
from robust_digits.study import spec
from robust_digits.study.tuning import Tuning

ROOT = Path(__file__).parents[2]
STAGES = sorted(script.stem for script in (ROOT / "stages").glob("*.py"))
STUDIES = sorted(path.stem for path in (ROOT / spec.FOLDER).glob("*.yaml"))
PARAMS = {"seed": 0, "train": {"epochs": 3, "dropout": None}, "evaluate": {"attacks": {"fgm": {}, "pgd": {"steps": 4}}}}
PLAN: dict[str, Any] = {
    "title": "Dropout",
    "base": "small",
    "model": "baseline",
    "parameter": "train.dropout",
    "values": [0.0, 0.5],
    "metrics": ["clean"],
    "params": {"train.epochs": 2},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of studies with one base, in a project that the test stands in."""
    monkeypatch.chdir(tmp_path)
    bases = spec.FOLDER / "bases"
    bases.mkdir(parents=True)
    put(bases / "small.yaml", {"evaluate.attacks": {"fgm": {}}, "train.epochs": 1})
    return spec.FOLDER


def put(path: Path, values: dict[str, Any]) -> None:
    """Write a file of a study or base."""
    path.write_text(yaml.safe_dump(values), encoding="utf-8")


def plans(name: str) -> list[spec.Plan]:
    """Return the plan of a study, or those of the steps of a chain."""
    found = spec.load(name)
    return [found] if isinstance(found, spec.Plan) else [found.plan(step, {}) for step in found.steps]


def refusal(folder: Path, **changed: object) -> str:
    """Return what is said of the good plan with other values."""
    put(folder / "study.yaml", {**PLAN, **changed})
    with pytest.raises(InputError) as caught:
        plans("study")[0].runs(PARAMS)
    return str(caught.value)


def test_a_list_sets_one_parameter(folder: Path) -> None:
    """Each value has all parameters: the project's, changed by the base, the plan, and the value itself."""
    put(folder / "study.yaml", PLAN)
    runs = plans("study")[0].runs(PARAMS)
    attacks: dict[str, Any] = {"attacks": {"fgm": {}}}
    assert runs == {
        "0.0": {"seed": 0, "train": {"epochs": 2, "dropout": 0.0}, "evaluate": attacks},
        "0.5": {"seed": 0, "train": {"epochs": 2, "dropout": 0.5}, "evaluate": attacks},
    }
    assert PARAMS["train"] == {"epochs": 3, "dropout": None}, "nothing is changed in place"


def test_named_values_set_a_section(folder: Path) -> None:
    """Where the parameter is a section, a value is a name and what it sets there."""
    values = {"short": {"epochs": 1, "dropout": 0.1}, "as it is": {}}
    put(folder / "study.yaml", {**PLAN, "parameter": "train", "values": values})
    runs = plans("study")[0].runs(PARAMS)
    assert {name: run["train"] for name, run in runs.items()} == {
        "short": {"epochs": 1, "dropout": 0.1},
        "as it is": {"epochs": 2, "dropout": None},
    }


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"base": "smal"}, "docs/studies/bases: expected a base, one of small; got 'smal'"),
        ({"valus": [1]}, "docs/studies/study.yaml: study.valus is not a parameter; did you mean values?"),
        ({"model": "bseline"}, "docs/studies/study.yaml: study.model: expected 'baseline'"),
        ({"metrics": ["accuracy"]}, "docs/studies/study.yaml: study.metrics.0: expected a view, such as "),
        ({"values": []}, "docs/studies/study.yaml: study.values"),
        ({"parameter": "train.droput"}, "docs/studies: train.droput is not a parameter; every one is in params.yaml"),
        ({"params": {"trian.epochs": 1}}, "docs/studies: trian.epochs is not a parameter"),
        ({"params": {"train.epochs.most": 1}}, "docs/studies: train.epochs.most is not a parameter"),
    ],
    ids=["base", "key", "model", "metric", "no values", "parameter", "section", "no section"],
)
def test_a_mistake_is_refused(folder: Path, changed: dict[str, Any], words: str) -> None:
    """One line has the file, what is wrong and what is legal; nothing has run yet."""
    message = refusal(folder, **changed)
    assert message.startswith(words)


@pytest.mark.usefixtures("folder")
def test_an_unknown_study_is_refused() -> None:
    """The message has every legal name; bases are none."""
    put(spec.FOLDER / "depth.yaml", PLAN)
    put(spec.FOLDER / "width.yaml", PLAN)
    with pytest.raises(InputError) as caught:
        spec.load("dept")
    assert str(caught.value) == "docs/studies: expected a study, one of depth, width; got 'dept'"


def test_metrics_name_figures(folder: Path) -> None:
    """A view is one of the model's; a figure of any model goes by its full name."""
    named = ["clean", "pgd", "bim_transfer", "robust.accuracy.clean", "hardened.certified.accuracy"]
    put(folder / "study.yaml", {**PLAN, "metrics": named})
    assert plans("study")[0].figures == {
        "clean": "baseline.accuracy.clean",
        "pgd": "baseline.accuracy.pgd",
        "bim_transfer": "baseline.accuracy.bim_transfer",
        "robust.accuracy.clean": "robust.accuracy.clean",
        "hardened.certified.accuracy": "hardened.certified.accuracy",
    }


def test_seeds_are_asked_for_every_figure_that_must_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The study of seeds runs the default pipeline five times, the first as it is, and has a column for each figure."""
    monkeypatch.chdir(ROOT)
    (plan,), params = plans("seeds"), read(Path("params.yaml"))
    held = [f"{model}.{name}" for model, named in read(Path("gate.yaml"))["metrics"].items() for name in named]
    assert list(plan.figures.values()) == held
    assert plan.runs(params) == {str(seed): {**params, "seed": seed} for seed in range(5)}


@pytest.mark.parametrize("name", STUDIES)
def test_every_stage_takes_what_a_study_sets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No study of this project names a network, an optimizer, a loss or an attack that there is none of."""
    monkeypatch.chdir(ROOT)
    runs = [run for plan in plans(name) for run in plan.runs(read(Path("params.yaml"))).values()]
    for params in runs:
        for stage in STAGES:
            record: type[Section] = importlib.import_module(f"stages.{stage}").Params
            parse(record, params, where=name)


CHAIN: dict[str, Any] = {key: value for key, value in PLAN.items() if key not in {"parameter", "values"}}
CHAIN["steps"] = [{"parameter": "train.dropout", "values": [0.0, 0.5]}, {"parameter": "seed", "values": [1]}]


def test_a_step_keeps_what_was_chosen_before(folder: Path) -> None:
    """Its runs have the chain's parameters and the choices, which its title tells."""
    put(folder / "study.yaml", CHAIN)
    chain = spec.load("study")
    assert isinstance(chain, spec.Chain)
    plan = chain.plan(chain.steps[1], {"dropout": "0.5"})
    assert plan.title == "Dropout; chosen before: dropout 0.5"
    assert plan.runs(PARAMS)["1"]["train"] == {"epochs": 2, "dropout": 0.5}
    assert chain.plan(chain.steps[0], {}).title == "Dropout"


def test_a_step_may_set_several_parameters(folder: Path) -> None:
    """Its values go by names, and so does the step where its parameter's name is not the word for it."""
    step = {"parameter": "train", "name": "rate", "values": {"low": {"dropout": 0.1}, "long": {"epochs": 9}}}
    put(folder / "study.yaml", {**CHAIN, "steps": [step, CHAIN["steps"][1]]})
    chain = spec.load("study")
    assert isinstance(chain, spec.Chain)
    plan = chain.plan(chain.steps[1], {"rate": "long"})
    assert plan.title == "Dropout; chosen before: rate long"
    assert plan.runs(PARAMS)["1"]["train"] == {"epochs": 9, "dropout": None}
    assert chain.plan(chain.steps[0], {}).called == "rate"


def test_a_chain_that_sets_no_parameter_is_refused_at_once(folder: Path) -> None:
    """A mistake in the last step is found before the first one has run for an hour."""
    put(folder / "study.yaml", {**CHAIN, "steps": [*CHAIN["steps"], {"parameter": "train.droput", "values": [1]}]})
    put(Path("params.yaml"), PARAMS)
    chain = spec.load("study")
    assert isinstance(chain, spec.Chain)
    with pytest.raises(InputError, match=r"train\.droput is not a parameter"):
        Tuning("study", chain, {}, Path())


@pytest.mark.parametrize("name", ["seed", "train", "train.dropout"])
def test_what_a_chain_asks_cannot_be_set(name: str, folder: Path) -> None:
    """By any of its steps: the last one would refuse it after all the others have run with it."""
    put(folder / "study.yaml", CHAIN)
    put(Path("params.yaml"), PARAMS)
    chain = spec.load("study")
    assert isinstance(chain, spec.Chain)
    with pytest.raises(InputError, match=f"study: {name} is what the study asks"):
        Tuning("study", chain, {name: 1}, Path())
