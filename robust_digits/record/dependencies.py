"""Write the code that each stage depends on into its dvc.yaml: DVC does not follow imports, so it lists modules.

A stage depends on its script and on every module of the project that the script reaches, wherever in it the import
stands. Packages are empty and do not count.
"""

import argparse
import ast
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.utils.serialize import modify_yaml

from robust_digits.command import guarded
from robust_digits.errors import InputError

CODE = ("robust_digits/", "stages/")
PIPELINE = Path("dvc.yaml")


def imports(path: Path) -> set[str]:
    """Return the dotted names of all modules that a file imports, wherever in it.

    Raises
    ------
    InputError
        If the file is not Python, or imports a module by its place relative to the file.
    """
    names: set[str] = set()
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise InputError(f"{path}: line {error.lineno}: {error.msg}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise InputError(f"{path}: relative imports are not followed")
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def closure(script: Path, *, root: Path = Path()) -> set[str]:
    """Return a script and every module of the project that it reaches, as paths from the root."""
    reached: set[str] = set()
    queue = [script.as_posix()]
    while queue:
        file = queue.pop()
        if file not in reached:
            reached.add(file)
            named = (name.replace(".", "/") + ".py" for name in imports(root / file))
            queue += [path for path in named if path.startswith(CODE) and (root / path).is_file()]
    return reached


def script(command: str) -> Path:
    """Return the script that a stage's command runs: stages/evaluate.py for `python -m stages.evaluate ...`."""
    return Path(command.split()[2].replace(".", "/") + ".py")


def with_code(deps: list[str], command: str) -> list[str]:
    """Return a stage's dependencies with the code it reaches in place of the code that they named, in DVC's order."""
    data = {path for path in deps if not path.startswith(CODE)}
    return sorted(data | closure(script(command)))


def write(path: Path = PIPELINE) -> list[str]:
    """Mend the code dependencies of every stage, and return the names of the stages whose list was another.

    Raises
    ------
    InputError
        If there is no such file, or it is no pipeline.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; run from the folder that holds it")
    try:
        return _mended(path)
    except DvcException as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None


def _mended(path: Path) -> list[str]:
    mended = []
    with modify_yaml(str(path)) as pipeline:
        if not isinstance(pipeline, dict) or not isinstance(pipeline.get("stages"), dict):
            raise InputError(f"{path}: expected a mapping of stages, got none")
        for name, stage in pipeline["stages"].items():
            deps: list[Any] = with_code(stage.get("deps", []), stage["cmd"])
            if list(stage.get("deps", [])) != deps:
                stage["deps"] = deps
                mended.append(name)
    return mended


@guarded
def main() -> None:
    """Mend dvc.yaml and those of the folders beside it, and say what was mended."""
    argparse.ArgumentParser(prog="python -m robust_digits.record.dependencies", description=__doc__).parse_args()
    for path in (PIPELINE, *sorted(Path().glob(f"*/{PIPELINE}"))):
        mended = write(path)
        print(
            f"{path}: {', '.join(mended) or 'every list of code'} {'mended' if mended else 'is what the imports say'}"
        )


if __name__ == "__main__":
    main()
