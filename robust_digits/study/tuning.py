"""Parameters tuned one by one, each a study of its own."""

from collections.abc import Callable
from pathlib import Path

from robust_digits import tables
from robust_digits.errors import InputError
from robust_digits.params import PARAMS_FILE, read
from robust_digits.study import spec
from robust_digits.study.spec import Chain, Params, Step
from robust_digits.study.study import Row, Study


class Tuning:
    """Parameters tuned one by one: each is studied with what was best of the ones before it."""

    def __init__(self, name: str, chain: Chain, given: Params, project: Path) -> None:
        """Keep what is asked; every step has a table and a picture of its own, `<name>_<what it is called>`.

        Raises
        ------
        InputError
            If a step, the last one too, sets something that is no parameter, or that is `given`, or if the table of a
            step would be that of another step or study.
        """
        self._name, self._chain, self._given, self._project = name, chain, given, project
        names = [self._study(step) for step in chain.steps]
        taken = {each for each in names if names.count(each) > 1 or (spec.FOLDER / f"{each}.yaml").exists()}
        if taken:
            raise InputError(f"{spec.FOLDER}: {name}: {', '.join(sorted(taken))} would be the table of two studies")
        for step in chain.steps:
            step.check_free(given, study=name)
            chain.plan(step, {}).runs(read(Path(PARAMS_FILE)))

    def run(self) -> list[str]:
        """Run what is missing or stale, step by step; return what failed, with which the chain ends.

        Raises
        ------
        InputError
            If nothing failed, and yet there is nothing to choose by.
        """
        failed, open_step = self._follow(Study.run)
        if open_step and not failed:
            raise InputError(f"{self._name}: {open_step.parameter}: no accuracy on validation images to choose by")
        return [f"{open_step.parameter} {value}" for value in failed] if open_step else []

    def write(self) -> None:
        """Write the tables and pictures of the steps whose choices are known."""
        self._follow(Study.write)

    def __str__(self) -> str:
        """Return how many parameters are to be chosen."""
        return f"{self._name}: {len(self._chain.steps)} parameters, one after another"

    def _follow(self, do: Callable[[Study], list[str] | None]) -> tuple[list[str], Step | None]:
        """Do something with the study of each step, as long as the ones before it have chosen.

        Return what failed, and the step that chose nothing; where all have chosen their choices are written.
        """
        chosen: dict[str, str] = {}
        found: list[Row] = []
        for step in self._chain.steps:
            study = Study(self._study(step), self._chain.plan(step, chosen), self._given, self._project)
            failed = do(study)
            best = study.best()
            if failed or best is None:
                return failed or [], step
            chosen[step.called] = str(best["value"])
            kept = {column: best[column] for column in ("validation_accuracy", *self._chain.metrics)}
            found.append({"value": step.called, "chosen": best["value"], **kept})
        tables.write(spec.FOLDER / f"{self._name}.csv", found, columns=list(found[0]))
        return [], None

    def _study(self, step: Step) -> str:
        """Return the name of the study of a step."""
        return f"{self._name}_{step.called.replace(' ', '_')}"
