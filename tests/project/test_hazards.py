"""Nothing of the project unpickles, evaluates text, trusts any certificate, or hands words to a shell."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("robust_digits", "stages") for path in (ROOT / folder).rglob("*.py"))
# What ruff must know for a hazard wherever it stands in the code; a rule that is ignored would not be here.
HAZARDS = {
    "S301": "pickle.loads(x)",
    "S307": "eval(x)",
    "S102": "exec(x)",
    "S501": "requests.get(x, verify=False, timeout=1)",
    "S323": "ssl._create_unverified_context()",
    "S602": "subprocess.run(x, shell=True)",
    "S605": "os.system(x)",
    "S506": "yaml.load(x, Loader=yaml.Loader)",
    "S202": "tarfile.open(x).extractall()",
}
ACCEPTED = {
    "S603",
    "S607",
    "S506",
}  # a list of words, which is no shell; git of the user's; the safe loader written in C


@pytest.mark.parametrize("folder", ["robust_digits", "stages"])
def test_the_linter_knows_them(folder: str) -> None:
    """`make check` is red where one of them is written, in the package as in the stages."""
    code = "import os, pickle, requests, ssl, subprocess, tarfile, yaml\nx = input()\n" + "\n".join(HAZARDS.values())
    command = ["ruff", "check", "--output-format", "json", "--stdin-filename", f"{folder}/example.py", "-"]
    done = subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True, check=False)
    assert set(HAZARDS) <= {each["code"] for each in json.loads(done.stdout)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_none_is_let_through(path: Path) -> None:
    """No line is exempt from these rules but for reasons that hold, and none of their relatives is used."""
    text = path.read_text(encoding="utf-8")
    exempt = re.findall(r"\bS\d{3}\b", " ".join(re.findall(r"# noqa:([^(\n]*)", text)))
    assert set(exempt) <= ACCEPTED
    assert not re.search(r"^# (ruff|flake8): noqa", text, re.MULTILINE)
    assert list(hazards(ast.parse(text))) == []


def hazards(tree: ast.AST) -> Iterator[str]:
    """Yield what the linter does not know: other ways to unpickle, numpy's default, and text that becomes code."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            yield from {name.partition(".")[0] for name in names} & {
                "pickle",
                "joblib",
                "dill",
                "shelve",
                "marshal",
                "torch",
            }
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            told = {each.arg: ast.unparse(each.value) for each in node.keywords}
            if called == "compile" or (called == "np.load" and told.get("allow_pickle") != "False"):
                yield ast.unparse(node)


@pytest.mark.parametrize("code", ["import joblib", "from dill import loads", "np.load(x)", "compile(x, y, 'exec')"])
def test_the_search_finds_them(code: str) -> None:
    """What is looked for would be found."""
    assert list(hazards(ast.parse(code)))
