"""Parameters tuned one by one, each a study of its own."""

from collections.abc import Callable
from pathlib import Path

from robust_digits import tables
from robust_digits.params import PARAMS_FILE, read
from robust_digits.study import spec
from robust_digits.study.spec import Chain, Params
from robust_digits.study.study import Row, Study


class Tuning:
    """Parameters tuned one by one: each is studied with what was best of the ones before it."""

    def __init__(self, name: str, chain: Chain, given: Params, project: Path) -> None:
        """Keep what is asked; every step has a table and a picture of its own, `<name>_<parameter>`.

        Raises
        ------
        InputError
            If a step, the last one too, sets something that is no parameter.
        """
        self._name, self._chain, self._given, self._project = name, chain, given, project
        for step in chain.steps:
            chain.plan(step, {}).runs(read(Path(PARAMS_FILE)))

    def run(self) -> list[str]:
        """Run what is missing or stale, step by step; return what failed, with which the chain ends."""
        return self._follow(Study.run)

    def write(self) -> None:
        """Write the tables and pictures of the steps whose choices are known."""
        self._follow(Study.write)

    def __str__(self) -> str:
        """Return how many parameters are to be chosen."""
        return f"{self._name}: {len(self._chain.steps)} parameters, one after another"

    def _follow(self, do: Callable[[Study], list[str] | None]) -> list[str]:
        """Do something with the study of each step, as long as the ones before it have chosen."""
        chosen: Params = {}
        found: list[Row] = []
        for step in self._chain.steps:
            short = step.parameter.rpartition(".")[2]
            study = Study(f"{self._name}_{short}", self._chain.plan(step, chosen), self._given, self._project)
            failed = do(study)
            best = study.best()
            if failed or best is None:
                return [f"{step.parameter} {value}" for value in failed or []]
            chosen[step.parameter] = {str(value): value for value in step.values}[str(best["value"])]
            kept = {column: best[column] for column in ("validation_accuracy", *self._chain.metrics)}
            found.append({"value": short.replace("_", " "), "chosen": best["value"], **kept})
        tables.write(spec.FOLDER / f"{self._name}.csv", found, columns=list(found[0]))
        return []
