"""One DVC experiment: the pipeline run apart from the workspace, as far as one model's metrics, with other parameters.

One after another, because DVC's queue may hang or lose a failure (iterative/dvc#10398, #10779).
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dvc.api import DVCFileSystem
from dvc.repo import Repo

from robust_digits.judge.plan import Params

_TOLD = 4  # lines of a failed run: what the stage said, and what DVC says of it


class FailedError(Exception):
    """An experiment did not run to its end; the message is what it printed last."""


def key(target: str, params: Params) -> str:
    """Return a name for what a run of the stage `target` depends on: the code of its graph, and the values it reads.

    A local data set is known by its name and `data.sha256`, not by where it lies.
    """
    stages = Repo().stage.collect(target, with_deps=True)
    dependencies = [dependency for stage in stages for dependency in stage.deps]
    code = {dep.def_path for dep in dependencies if dep.def_path.endswith(".py")}
    names = {name for dep in dependencies for name in getattr(dep, "params", [])}
    told = {path: Path(path).read_text(encoding="utf-8") for path in code}
    told |= {name: _value(params, name) for name in names}
    told["data.source"] = Path(told["data.source"]).name
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def run(name: str, target: str, *, before: Params, after: Params, metrics: str) -> dict[str, Any]:
    """Run the stages up to `target` with the parameters `after` in the place of `before`; return what `metrics` holds.

    What DVC's run cache knows is not run again. The experiment, known as `name` meanwhile, is removed.

    Raises
    ------
    FailedError
        If a stage failed.
    """
    settings = [part for change in overrides(before, after) for part in ("--set-param", change)]
    _dvc("exp", "remove", "--quiet", name)  # what an interrupted run may have left
    done = _dvc("exp", "run", "--temp", "--name", name, *settings, target)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise FailedError("\n".join(lines[-_TOLD:]))
    found: dict[str, Any] = json.loads(DVCFileSystem(rev=name).read_text(metrics))
    _dvc("exp", "remove", "--quiet", name)
    return found


def overrides(before: Params, after: Params, outer: str = "") -> Iterator[str]:
    """Yield how `dvc exp run --set-param` is told each difference between two mappings of parameters."""
    for name in {**before, **after}:
        path = f"{outer}{name}"
        old, new = before.get(name, ...), after.get(name, ...)
        if new is ...:
            yield f"~{path}"
        elif isinstance(new, dict) and (new or isinstance(old, dict)):
            yield from overrides(old if isinstance(old, dict) else {}, new, f"{path}.")
        elif new != old:
            yield f"{'+' if old is ... else ''}{path}={json.dumps(new)}"


def _value(params: Params, name: str) -> Any:  # noqa: ANN401 (any parameter)
    value: Any = params
    for part in name.split("."):
        value = value[part]
    return value


def _dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own words)
