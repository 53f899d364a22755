"""Judge the models of the base again, as those of the working tree were judged.

Where the attacks, the data or the checks moved, the figures of the base answer another question. Its models lie in
DVC's cache or remote, under the hashes in its dvc.lock; the commands that judge are those of the working tree, given
another model and other places for what they write.
"""

import hashlib
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from robust_digits.cache import code, kept, place
from robust_digits.errors import InputError
from robust_digits.history import artifacts, lineage
from robust_digits.history.lineage import Stage
from robust_digits.history.results import CHECKS, Results, evidence_of
from robust_digits.judge import evidence
from robust_digits.judge.evidence import Evidence
from robust_digits.report.significance import judged_on

_LOCK = "dvc.lock"
_MEASURED = ("metrics/", "plots/")
_KEPT = (CHECKS, "plots/training/")


@dataclass(frozen=True)
class Rejudged(Results):
    """The results of a base whose models were judged on the test images of `judged`; `kept` has the evidence."""

    judged: Results
    kept: Mapping[str, bytes]  # of each model that is not one of `judged`

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """What dvc.lock says of every stage: those that judge are the branch's."""
        judging = {name: stage for name, stage in self.judged.stages.items() if name.startswith("evaluate@")}
        return lineage.read(self.revision) | judging

    def evidence(self, model: str, root: Path) -> Evidence:
        """Return what every attack left of each test image when the model was judged again."""
        if model not in self.kept:
            return self.judged.evidence(model, root)
        with TemporaryDirectory() as folder:
            target = Path(folder, f"{model}.npz")
            target.write_bytes(self.kept[model])
            return evidence.load(target)


def rejudged(base: Results, here: Results, root: Path) -> Rejudged:
    """Return the results of the base with the figures that its models have when they are judged as here.

    A model whose file is the same has the figures that it has here. Others are evaluated, which takes as long as
    `dvc repro` takes for it; what is found is kept in the user's cache. The curves and pictures of the base were
    measured otherwise, and are left out.

    Raises
    ------
    InputError
        If the test images are not those of the base, if a model of the base is neither in the cache nor in the remote,
        if the working tree is not what is to be compared, or if the evaluation fails.
    """
    files_of = base.revision.files.items()
    found = {path: content for path, content in files_of if path.startswith(_KEPT) or not path.startswith(_MEASURED)}
    evidences = {}
    for model in [name for name in base.models if f"score@{name}" in here.stages]:
        if model not in base.weights:
            raise InputError(f"dvc.lock in {base.revision.label}: models/{model}.keras is not in it")
        scored = here.stages[f"score@{model}"].outs
        if base.weights[model] == here.weights.get(model):
            found |= {path: here.revision.files[path] for path in scored}
        else:
            _refuse_other_images(base, here, model)
            written = _judged(base, here, model, root)
            found |= {path: written[path] for path in scored}
            evidences[model] = written[evidence_of(model)]
    return Rejudged(replace(base.revision, files=found), here, evidences)


def _refuse_other_images(base: Results, here: Results, model: str) -> None:
    """Refuse to judge a model of the base on images that it need not have been kept from."""
    if judged_on(base, model) != judged_on(here, model):
        raise InputError(
            f"the base cannot be judged again: the test images are not those of {base.revision.label}, whose models "
            "may have been trained on these; whether another split is right is for a reviewer to say"
        )


def _judged(base: Results, here: Results, model: str, root: Path) -> dict[str, bytes]:
    """Return the files that judging writes, path -> content, for a model of the base."""
    judging = [here.stages[f"{name}@{model}"] for name in ("evaluate", "score")]
    at = place.folder("rejudged") / f"{_key(base.weights[model], judging, model=model)}.npz"
    found = kept.load(at, otherwise="the base is judged again")
    if found is None:
        _refuse_other_workspace(here, model, root)
        print(f"judging {model} of {base.revision.label} again", file=sys.stderr, flush=True)
        with TemporaryDirectory() as folder:
            places = {path: f"{folder}/{path}" for stage in judging for path in stage.outs}
            places[f"models/{model}.keras"] = _fetched(base, model, root, Path(folder))
            written = [path for stage in judging for path in stage.outs]
            for stage in judging:
                _run(stage, places, root)
            found = {path: np.frombuffer(Path(places[path]).read_bytes(), np.uint8) for path in written}
        kept.save(at, found, otherwise="the next report judges again")
    return {path: content.tobytes() for path, content in found.items()}


def _key(weights: str, judging: Sequence[Stage], *, model: str) -> str:
    """Return what names the weights of a model and all that judges it, whatever the branch's own model is.

    Libraries judge too: what an older TensorFlow found of the base is no measure of what a newer one finds here.
    """
    own = {f"models/{model}.keras", *(path for stage in judging for path in stage.outs)}
    params = [(stage.command, sorted(stage.params.items())) for stage in judging]
    deps = sorted((path, md5) for stage in judging for path, md5 in stage.deps.items() if path not in own)
    return hashlib.sha256(repr((weights, params, deps, code.libraries())).encode()).hexdigest()


def _refuse_other_workspace(here: Results, model: str, root: Path) -> None:
    """Refuse to judge by what is not the revision that is compared: its code and data are taken from the workspace."""
    from dvc.exceptions import DvcException  # noqa: PLC0415 (slow, and the report does without)
    from dvc.repo import Repo  # noqa: PLC0415

    lock = root / _LOCK
    same = lock.is_file() and lock.read_bytes() == here.revision.files[_LOCK]
    try:
        if not same or Repo(str(root)).status([f"evaluate@{model}", f"score@{model}"]):
            raise InputError(
                f"the base is judged by what lies in the working tree: that is not {here.revision.label}, or lacks its "
                "data; `git switch` to it, then `dvc checkout` or `dvc repro`"
            )
    except DvcException as error:
        raise InputError(f"the base cannot be judged again: {' '.join(str(error).split())}") from None


def _fetched(base: Results, model: str, root: Path, folder: Path) -> str:
    """Bring a model of the base out of the cache or the remote, and return where it lies."""
    path = f"models/{model}.keras"
    artifacts.fetch(base.revision, path, folder / path, md5=base.weights[model], root=root)
    return str(folder / path)


def _run(stage: Stage, places: Mapping[str, str], root: Path) -> None:
    """Run the command of a stage in the workspace, with other places for some of its paths."""
    python, *words = shlex.split(stage.command)
    for path in stage.outs:
        Path(places[path]).parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable if python == "python" else python, *(places.get(word, word) for word in words)]
    done = subprocess.run(command, cwd=root, stdout=sys.stderr, check=False)  # noqa: S603 (a list, out of dvc.lock)
    if done.returncode:
        raise InputError(f"the base could not be judged again: `{shlex.join(command)}` ended with {done.returncode}")
