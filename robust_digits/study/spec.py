"""What a study asks, as a small file says it: one parameter, the values it takes, and what is kept the same.

`docs/studies/<name>.yaml` is a plan, or a chain of them with `steps`; a file in `docs/studies/bases` holds what all
studies of the same data keep.
"""

import difflib
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from robust_digits.attack.table import ATTACKS
from robust_digits.errors import InputError
from robust_digits.judge.views import CLEAN, FGM_WHITE_BOX, WORST_CASE, transferred
from robust_digits.params import Section, parse, read

FOLDER = Path("docs/studies")
Params = dict[str, Any]  # params.yaml, or values of it by their names, such as train.epochs
_VIEWS = {CLEAN, FGM_WHITE_BOX, WORST_CASE, *ATTACKS, *map(transferred, ATTACKS)}
_FIGURE = re.compile(r"[a-z]\w*\.(accuracy|certified)\.\w+")


def _metric(name: str) -> str:
    """Refuse what is neither a view of the model that is judged nor a figure of any model by its full name."""
    if name not in _VIEWS and not _FIGURE.fullmatch(name):
        close = difflib.get_close_matches(name, _VIEWS, n=1)
        raise ValueError(f"expected a view, such as {', '.join(close) or WORST_CASE}, or a figure's full name")
    return name


Metric = Annotated[str, AfterValidator(_metric)]


class Step(Section):
    """A parameter, and the values that it is tried with.

    Each of `values` is a value of the parameter or, where that is a whole section, a name and what it sets there.
    `name` is what to call it, where the last part of its own name is not the word for it.
    """

    parameter: str
    values: Annotated[list[Any] | dict[str, Params], Field(min_length=1)]
    name: str = ""

    @property
    def called(self) -> str:
        """Return what the parameter is called in pictures and tables."""
        return self.name or self.parameter.rpartition(".")[2].replace("_", " ")

    def settings(self) -> dict[str, Params]:
        """Return what each value sets, by the name of the value."""
        if isinstance(self.values, list):
            return {str(value): {self.parameter: value} for value in self.values}
        return {
            name: {f"{self.parameter}.{key}": value for key, value in values.items()}
            for name, values in self.values.items()
        }

    def check_free(self, given: Params, *, study: str) -> None:
        """Raise `InputError`, naming the study, if parameters are given that the values set, whole or in part."""
        asked = {f"{name}." for settings in self.settings().values() for name in settings}
        taken = sorted(
            name for name in given if any(f"{name}.".startswith(each) or each.startswith(f"{name}.") for each in asked)
        )
        if taken:
            raise InputError(f"{FOLDER}: {study}: {', '.join(taken)} is what the study asks, and cannot be set")


class Plan(Step):
    """A study of what a parameter does to a model.

    `params` are set in every run, over those of the `base`. Metrics are drawn as points over the values, or as a
    `matrix`, values by metrics, where values say which attacks the training images hold. `curves` are drawn beside
    points: accuracy on training images, which tells of overfitting next to that on test images, and the loss on those.
    """

    title: str
    base: str
    model: Literal["baseline", "robust", "hardened"]
    metrics: Annotated[list[Metric], Field(min_length=1)]
    params: Params
    picture: Literal["points", "matrix"] = "points"
    curves: list[Literal["training_accuracy", "test_loss"]] = Field(default_factory=list)

    @property
    def figures(self) -> dict[str, str]:
        """Return the full name of the figure behind each metric, such as robust.accuracy.clean."""
        return {metric: metric if "." in metric else f"{self.model}.accuracy.{metric}" for metric in self.metrics}

    def runs(self, params: Params) -> dict[str, Params]:
        """Return the whole of params.yaml for each value, by the name of the value.

        Raises
        ------
        InputError
            If the study sets something that is no parameter, or asks for a view in which a run judges no model.
        """
        fixed = changed(params, {**read(_file(FOLDER / "bases", self.base, what="base")), **self.params})
        runs = {value: changed(fixed, settings) for value, settings in self.settings().items()}
        for value, run in runs.items():
            _check(run, self.figures, where=f"{FOLDER}: {self.parameter} {value}")
        return runs


class Chain(Section):
    """Studies one after another: each tries a parameter with what the ones before it found best.

    Best is what is right most often on the validation images; test images choose nothing.
    """

    title: str
    base: str
    model: Literal["baseline", "robust", "hardened"]
    steps: Annotated[list[Step], Field(min_length=1)]
    metrics: Annotated[list[Metric], Field(min_length=1)]
    params: Params

    def plan(self, step: Step, chosen: Mapping[str, str]) -> Plan:
        """Return the study of a step, after the values that were `chosen` before it, by what is called so."""
        told = ", ".join(f"{name} {value}" for name, value in chosen.items())
        settings = [each.settings()[chosen[each.called]] for each in self.steps if each.called in chosen]
        return Plan(
            title=f"{self.title}{f'; chosen before: {told}' if told else ''}",
            base=self.base,
            model=self.model,
            parameter=step.parameter,
            values=step.values,
            name=step.name,
            metrics=self.metrics,
            params={**self.params, **{name: value for each in settings for name, value in each.items()}},
        )


class _File(Section):
    study: Plan


class _ChainFile(Section):
    study: Chain


def load(name: str) -> Plan | Chain:
    """Return the plan of a study, or of a chain of them; InputError if there is none of this name, or it is no plan."""
    path = _file(FOLDER, name, what="study")
    asked = read(path)
    kind: type[_File | _ChainFile] = _ChainFile if "steps" in asked else _File
    return parse(kind, {"study": asked}, where=str(path)).study


def changed(params: Params, values: Params) -> Params:
    """Return parameters with other values, by their names; InputError where there is no such parameter."""
    result = deepcopy(params)
    for name, value in values.items():
        *outer, last = name.split(".")
        section: Any = result
        for key in outer:
            section = section.get(key) if isinstance(section, dict) else None
        if not isinstance(section, dict) or last not in section:
            raise InputError(f"{FOLDER}: {name} is not a parameter; every one is in params.yaml")
        section[last] = value
    return result


def _check(run: Params, figures: dict[str, str], *, where: str) -> None:
    """Refuse figures that a run does not measure: it would end, after all its work, without them."""
    suite, crafted = (run.get(section, {}).get("attacks", {}) for section in ("evaluate", "craft"))
    measured = {CLEAN, FGM_WHITE_BOX, WORST_CASE, *suite, *map(transferred, crafted)}
    for metric, figure in figures.items():
        _, group, view = figure.split(".")
        if group == "accuracy" and view not in measured:
            raise InputError(f"{where}: {metric} is not measured: neither evaluate.attacks nor craft.attacks has it")


def _file(folder: Path, name: str, *, what: str) -> Path:
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        raise InputError(f"{folder}: expected a {what}, one of {', '.join(names)}; got {name!r}")
    return folder / f"{name}.yaml"
