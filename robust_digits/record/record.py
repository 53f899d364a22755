"""Record the results of a DVC experiment in a folder that git keeps: metrics, pictures, and what made them."""

import argparse
import json
import platform
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.scm import SCM, RevError, resolve_rev

from robust_digits.cache import stopwatch
from robust_digits.command import guarded
from robust_digits.errors import InputError, listed
from robust_digits.files import replacing
from robust_digits.history import revisions, yaml12
from robust_digits.judge import checks
from robust_digits.judge.views import label
from robust_digits.markup import code, value, words
from robust_digits.params import PARAMS_FILE
from robust_digits.record import machine, pages

_PACKAGES = ("tensorflow", "keras", "numpy", "adversarial-robustness-toolbox", "dvc")
_RESULTS = ("metrics", "plots/pictures")
_EXPERIMENTS = "refs/exps/*/*"  # where DVC has them, by the commits that they were started from
_TIMED = {"training": ".keras", "evaluation": ".npz"}  # work, and how the names of what it makes end


def record(experiment: str, folder: Path, *, command: str) -> None:
    """Replace `folder` by the metrics, pictures and parameters of an experiment and a README.md on how they were made.

    `command` is what a reader types to make them again.

    Raises
    ------
    InputError
        If there is no such experiment or revision, or it has no results.
    """
    commit(experiment)  # an experiment that is not here is refused before DVC is asked for its files
    files = DVCFileSystem(rev=experiment)
    for name in _RESULTS:
        if not files.exists(name):
            raise InputError(f"{experiment}: no {name}; `dvc repro` makes it")
    with replacing(folder) as temporary:
        temporary.mkdir()
        for name in _RESULTS:
            files.get(name, str(temporary / Path(name).name), recursive=True)
        values = parameters(files, temporary)
        for work, suffix in _TIMED.items():
            known = {name: round(time) for name, time in _seconds(experiment, suffix).items() if time is not None}
            (temporary / f"{work}.json").write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        page = _page(experiment, folder.name, temporary, values, command=command)
        (temporary / "README.md").write_text(page, encoding="utf-8")


def parameters(files: DVCFileSystem, folder: Path) -> dict[str, Any]:
    """Return the parameters of an experiment, and write them into a folder."""
    values: dict[str, Any] = yaml12.loaded(files.read_text(PARAMS_FILE))
    values["data"]["source"] = Path(values["data"]["source"]).name  # the path is this machine's, not the reader's
    (folder / PARAMS_FILE).write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return values


def _page(experiment: str, name: str, folder: Path, values: dict[str, Any], *, command: str) -> str:
    data, craft, judged = values["data"], values["craft"], values["evaluate"]
    checksum = f", SHA-256 {code(data['sha256'])}" if data["sha256"] else ""
    made, versions = _maker(experiment)
    return f"""# Results: {name}

Made by {code(command)} at commit `{commit(experiment)}`, with the parameters in [params.yaml](params.yaml).

- data: {code(data["source"])}{checksum}
- machine: {made}
{_times(experiment)}
- versions: {versions}

<!-- results: metrics -->
{pages.table(pages.read(folder / "metrics", order=values["models"]))}<!-- end -->

{_checked(folder / "metrics" / "sanity.json")}

Accuracy on the test images and its 95% Wilson interval. FGM has L{craft["norm"]} size {craft["eps"]};
*transfer* is crafted against the baseline, *white-box* against the model itself. The worst case is over
{", ".join(label(name) for name in judged["attacks"])}, all within L-infinity {judged["eps"]}.
The numbers are in [metrics/](metrics), more pictures in [pictures/](pictures).

![accuracy of each model](pictures/accuracies.png)

![accuracy over eps](pictures/security.png)

![how many images are proven, open and broken over eps](pictures/bracket.png)

![the hardened model under the strongest attack](pictures/attack_hardened.png)

![what the hardened model gets wrong](pictures/mistakes_hardened.png)
"""


def _checked(path: Path) -> str:
    """Return a sentence on the checks of the evaluation, and a list of those that are red."""
    tables = checks.load(path)
    red = [
        f"- {value(model)}, {value(name)}: {words(check.says)}: {check.measured}, at most {check.bound}"
        for model, table in tables.items()
        for name, check in table.items()
        if not check.passed
    ]
    count = sum(len(table) for table in tables.values())
    return "\n".join([f"{count - len(red)} of {count} checks of the evaluation are green (metrics/sanity.json).", *red])


def _maker(experiment: str) -> tuple[str, str]:
    """Return the machine and the versions that made the results: these, if it is known how long any of them took."""
    if not any(time is not None for suffix in _TIMED.values() for time in _seconds(experiment, suffix).values()):
        return machine.UNKNOWN, machine.UNKNOWN
    packages = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return machine.name(), f"Python {platform.python_version()}, {packages}"


def _times(experiment: str) -> str:
    """Return a line for each work that is timed."""
    return "\n".join(f"- {work}: {_said(_seconds(experiment, suffix))}" for work, suffix in _TIMED.items())


def _seconds(experiment: str, suffix: str) -> dict[str, float | None]:
    """Return how long it took to make each output with a suffix; None where another machine made it."""
    stages = yaml12.loaded(DVCFileSystem(rev=experiment).read_text("dvc.lock"))["stages"]
    made = {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}
    return {Path(path).stem: stopwatch.recall(md5) for path, md5 in made.items() if path.endswith(suffix)}


def _said(seconds: Mapping[str, float | None]) -> str:
    return ", ".join(
        f"{model} {'at another time and place' if time is None else f'{time:.0f} s'}" for model, time in seconds.items()
    )


def commit(experiment: str) -> str:
    """Return the commit that an experiment, or any other revision, was run at, and whether its code was changed."""
    revision = _resolved(experiment)
    stored = _git("for-each-ref", "--format=%(objectname)", f"{_EXPERIMENTS}/*").split()
    # DVC commits an experiment on top of where it was started
    origin = f"{revision}^" if revision in stored else revision
    changed = _git("diff", "--name-only", origin, revision, "--", "robust_digits", "stages", "dvc.yaml")
    return _git("rev-parse", "--short=12", origin) + (" with uncommitted changes" if changed else "")


def _resolved(experiment: str) -> str:
    """Return the commit whose files DVC shows under a name; an InputError if there is none, or not one alone."""
    try:
        with closing(SCM(".")) as git:
            return revisions.repository().commit(resolve_rev(git, experiment))
    except RevError:
        several = _git("for-each-ref", "--format=%(refname)", f"{_EXPERIMENTS}/{experiment}").split()
    if several:
        raise InputError(f"{experiment}: expected the name of one experiment, got {listed(several)}")
    return revisions.repository().commit(experiment)  # which says how to fetch it


def _git(*arguments: str) -> str:
    return revisions.ask(Path(), *arguments).strip()


def asked(write: Callable[..., None], *, prog: str, description: str | None, such_as: str) -> None:
    """Read which experiment to record into which folder, and do it by `write`."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("experiment", help="name or revision of a DVC experiment")
    parser.add_argument("folder", type=Path, help=f"folder to write, such as {such_as}")
    parser.add_argument("--command", required=True, help="what a reader types to make these results again")
    arguments = parser.parse_args()
    try:
        write(arguments.experiment, arguments.folder, command=arguments.command)
    except DvcException as error:
        raise InputError(f"{arguments.experiment}: {' '.join(str(error).split())}") from None
    print(f"{arguments.experiment} -> {arguments.folder}")


@guarded
def main() -> None:
    """Read the command line."""
    asked(record, prog="python -m robust_digits.record.record", description=__doc__, such_as="docs/results/mnist")


if __name__ == "__main__":
    main()
