"""A study on its way: its table, with a line for each value, filled one by one, and its picture.

A line is filled as soon as its experiment has ended, with a key that stands for the code and the parameters it depends
on: started again, a study runs only what is missing. A line that other code or parameters have made is stale: it says
so, and stays until its replacement is there.
"""

import json
import time
from pathlib import Path
from typing import Any

from robust_digits import tables
from robust_digits.document import counts
from robust_digits.params import PARAMS_FILE, read
from robust_digits.study import chart, matrix, measures, spec, workspace
from robust_digits.study.spec import Params, Plan

STAGE = "score"  # the last one that a model's metrics need
STALE = "yes"

Row = dict[str, tables.Cell]


class Study:
    """A study on its way: what it asks, and what it found so far."""

    def __init__(self, name: str, plan: Plan, given: Params, project: Path) -> None:
        """Read what earlier runs left; `given` are parameters to set over the plan's.

        `project` is the copy that the runs are made on, or the workspace where none is: it is what the keys stand for.

        Raises
        ------
        InputError
            If something is to be set that is no parameter, or that the study itself sets.
        """
        self._name, self._plan, self._project = name, plan, project
        models = dict.fromkeys([plan.model, *(figure.partition(".")[0] for figure in plan.figures.values())])
        self._targets = [f"{STAGE}@{model}" for model in models]
        plan.check_free(given, study=name)
        planned = self._plan.runs(read(Path(PARAMS_FILE)))
        self._runs = {value: spec.changed(params, given) for value, params in planned.items()}
        self._keys = workspace.keys(project, self._runs, *self._targets)
        self._columns = ("value", counts.IMAGES, counts.FEWER, *self._plan.metrics, *measures.COLUMNS, "key", "stale")
        self._path = spec.FOLDER / f"{name}.csv"
        self._rows = self._known()

    def run(self) -> list[str]:
        """Run what is missing or stale, and draw what there is; return the values whose experiments failed."""
        print(self, flush=True)
        wanted = [value for value, row in self._rows.items() if not row["key"] or row["stale"]]
        failed = [
            value
            for number, value in enumerate(wanted, start=1)
            if not self._one(value, f"run {number} of {len(wanted)}")
        ]
        self.write()
        return failed

    def write(self) -> None:
        """Write the table, with what is stale marked, and draw it."""
        self._save()
        done = [row for row in self._rows.values() if row["key"]]
        draw = matrix.matrix if self._plan.picture == "matrix" else chart.influence
        draw(self._path.with_suffix(".png"), self._plan, done)

    def best(self) -> Row | None:
        """Return the first line that is right most often on validation images, or None before all values are done."""
        rows = list(self._rows.values())
        if any(row["validation_accuracy"] == "" for row in rows):
            return None
        return max(rows, key=lambda row: float(row["validation_accuracy"]))

    def __str__(self) -> str:
        """Return how many values are done, stale and missing."""
        stale = sum(bool(row["stale"]) for row in self._rows.values())
        missing = sum(not row["key"] for row in self._rows.values())
        done = len(self._rows) - stale - missing
        return f"{self._name}: {done} of {len(self._rows)} done before, {stale} stale, {missing} missing"

    def _one(self, value: str, which: str) -> bool:
        """Run the experiment of a value, `which` of all, and return whether it came to its end."""
        named = f"{self._plan.parameter} {value}"
        print(f"\n{self._name}, {which}: {named}", flush=True)
        start = time.monotonic()
        if not workspace.run(self._project, self._runs[value], *self._targets):
            print(f"{named}: failed", flush=True)
            return False
        found, images, fewer = self._found()
        measured = measures.of(self._project, self._plan.model)
        done = {"key": self._keys[value], "stale": ""}
        self._rows[value] = {"value": value, counts.IMAGES: images, counts.FEWER: fewer, **found, **measured, **done}
        self._save()
        told = ", ".join(f"{name} {'unknown' if share == '' else f'{share:.1%}'}" for name, share in found.items())
        print(f"{named}: {told} ({time.monotonic() - start:.0f} s)", flush=True)
        return True

    def _found(self) -> tuple[Row, int, str]:
        """Return the metrics that the study asks for, on how many images they were measured, and which on fewer.

        A share of nothing is unknown, and empty.
        """
        found: Row = {}
        images: dict[str, int] = {}
        for metric, figure in self._plan.figures.items():
            model, group, name = figure.split(".")
            share = json.loads((self._project / f"metrics/{model}.json").read_bytes())[group][name]
            found[metric] = "" if share is None else share
            details = json.loads((self._project / f"metrics/details/{model}.json").read_bytes())
            images[metric] = details[f"{group}.{name}"]["images"]
        most = max(images.values())
        return found, most, counts.told({metric: count for metric, count in images.items() if count < most})

    def _known(self) -> dict[str, Row]:
        """Return the line of each value: what an earlier run left, marked if other code made it, or an empty one."""
        earlier: list[dict[str, Any]] = tables.read(self._path) if self._path.exists() else []
        by_value, by_key = ({row[column]: row for row in earlier} for column in ("value", "key"))
        dropped = [value for value in by_value if value not in self._keys]
        if dropped:
            print(f"{self._name}: not asked any more: {', '.join(dropped)}", flush=True)
        rows: dict[str, Row] = {}
        for value, key in self._keys.items():
            found = by_key.get(key) or by_value.get(value) or {}
            row = {column: found.get(column, "") for column in self._columns}
            if not found.keys() >= {*self._plan.metrics}:
                row["key"] = ""  # what is asked for since then is to be measured yet
            stale = STALE if row["key"] and row["key"] != key else ""
            rows[value] = {**row, "value": value, "stale": stale}
        return rows

    def _save(self) -> None:
        tables.write(self._path, self._rows.values(), columns=self._columns)
