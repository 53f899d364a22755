"""One experiment: the pipeline run on a copy of the project, as far as models' metrics, with other parameters.

`dvc exp run` is not used: it stashes the workspace and resets it while it starts, so that what is edited meanwhile, or
what stood there when it was killed, may be lost, and two at a time spoil each other's parameters. DVC's queue may hang
or lose a failure (iterative/dvc#10398, #10779). A copy leaves the workspace alone and shares its cache.
"""

import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo

from robust_digits.errors import InputError
from robust_digits.params import PARAMS_FILE
from robust_digits.study.spec import Params

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@contextmanager
def copy() -> Iterator[Path]:
    """Yield a copy of the project's files as they are now, without its data; it is removed when the block ends."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 (the user's git)
        check=True,
        capture_output=True,
        text=True,
    )
    with tempfile.TemporaryDirectory(prefix="study-", ignore_cleanup_errors=True) as folder:  # what ends may yet write
        for name in filter(Path.is_file, map(Path, listed.stdout.split("\0"))):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, folder / name)
        settings = f"[core]\n    no_scm = true\n[cache]\n    dir = {Repo().cache.local_cache_dir}\n"
        Path(folder, ".dvc", "config.local").write_text(settings, encoding="utf-8")
        yield Path(folder)


def keys(folder: Path, runs: Mapping[str, Params], *targets: str) -> dict[str, str]:
    """Return for each of some runs of the stages `targets` a name for what it depends on.

    That is the code of their graph, and the values that it reads of the parameters of the run. `folder` is the project,
    or a copy of it.

    Code counts as Python parses it: no comment, layout or docstring can change a result. A local data set is known by
    its name and `data.sha256`, not by where it lies.

    Raises
    ------
    InputError
        If DVC cannot read the pipeline, or it has no such stage.
    """
    dependencies = [dependency for target in targets for stage in _graph(folder, target) for dependency in stage.deps]
    code = {dep.def_path for dep in dependencies if dep.def_path.endswith(".py")}
    names = {name for dep in dependencies for name in getattr(dep, "params", [])}
    parsed = {path: _parsed((folder / path).read_text(encoding="utf-8")) for path in code}
    return {run: _digest(parsed | {name: _value(params, name) for name in names}) for run, params in runs.items()}


def run(folder: Path, params: Params, *targets: str) -> bool:
    """Run the stages up to `targets` in a copy of the project with these parameters; return whether none failed.

    What they print is seen as it comes. What DVC's run cache knows is not run again.
    """
    (folder / PARAMS_FILE).write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    # A session of its own does not hear Ctrl-C: DVC and the stage would each have something to say of it.
    with subprocess.Popen(command, cwd=folder, start_new_session=True) as process:  # noqa: S603 (our own words)
        try:
            return process.wait() == 0
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
                print(file=sys.stderr)  # below the bar that it leaves


def _graph(folder: Path, target: str) -> list[Any]:
    """Return a stage of DVC and every one that it depends on."""
    try:
        return list(Repo(str(folder)).stage.collect(f"{folder / 'dvc.yaml'}:{target}", with_deps=True))
    except DvcException as error:
        raise InputError(f"{target}: {' '.join(str(error).split())}") from None


def _digest(told: dict[str, Any]) -> str:
    named = told | {"data.source": Path(told["data.source"]).name}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]


def _parsed(source: str) -> str:
    """Return what Python makes of a module, without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return ast.dump(tree)


def _value(params: Params, name: str) -> Any:  # noqa: ANN401 (any parameter)
    value: Any = params
    for part in name.split("."):
        value = value[part]
    return value
