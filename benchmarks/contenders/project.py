"""A copy of this project with a cache of its own, MNIST once or several times over, and what commands cost in it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.inputs import Inputs
from robust_digits.params import PARAMS_FILE
from robust_digits.study import workspace

_EVERY = 0.05  # seconds between two looks at a process


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds, those of the processor, and memory at most, without and with mapped files."""

    seconds: float
    cpu: float
    megabytes: float
    resident: float


@dataclass(frozen=True)
class Project:
    """A folder with the project's files, in which nothing has been made yet."""

    folder: Path

    def set(self, values: Mapping[str, Any]) -> None:
        """Set parameters by their full names."""
        path = self.folder / PARAMS_FILE
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, value in values.items():
            *sections, key = name.split(".")
            inner = params
            for section in sections:
                inner = inner[section]
            inner[key] = value
        path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def run(self, *arguments: str) -> Cost:
        """Run Python with these arguments in the folder, and return what it cost; RuntimeError if it failed."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
        }
        start = time.perf_counter()
        with (self.folder / "said.txt").open("w+", encoding="utf-8") as said:
            process = subprocess.Popen(  # noqa: S603 (our own words)
                [sys.executable, *arguments], cwd=self.folder, env=environment, stdout=said, stderr=said
            )
            watch = Watch(process.pid)
            watch.start()
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            watch.end()
            said.seek(0)
            if process.returncode:
                raise RuntimeError(f"{' '.join(arguments)}: {said.read()[-500:]}")
        return Cost(seconds, usage.ru_utime + usage.ru_stime, watch.own, watch.resident)


class Watch(threading.Thread):
    """The most memory that a process had: its own, and with what it maps from files, which can be dropped.

    What the system counts of a child begins with what its parent had, so it is not asked.
    """

    def __init__(self, number: int) -> None:
        """Take the number of a process."""
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{number}/status")
        self._ended = threading.Event()
        self.own = self.resident = 0.0  # megabytes

    def run(self) -> None:
        """Look again and again, until the process or the watch ends."""
        while not self._ended.wait(_EVERY):
            try:
                lines = self._status.read_text(encoding="ascii", errors="replace").splitlines()
            except OSError:
                return
            kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
            self.own = max(self.own, (kilobytes.get("RssAnon", 0) + kilobytes.get("RssShmem", 0)) / 1024)
            self.resident = max(self.resident, kilobytes.get("VmHWM", 0) / 1024)

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()


@contextmanager
def copy(given: Inputs, *, times: int = 1) -> Iterator[Project]:
    """Yield a copy of the project, set to the tutorial's run on MNIST so many times over."""
    with workspace.copy() as folder:
        settings = f"[core]\n    no_scm = true\n[cache]\n    dir = {folder / '.cache' / 'dvc'}\n"
        (folder / ".dvc" / "config.local").write_text(settings, encoding="utf-8")
        data = folder / "mnist.npz"
        digits(given, data, times=times)
        project, epochs = Project(folder), given.sizes["epochs"]
        project.set(
            {
                "data.source": str(data),
                "data.validation": 0.05,
                "train.epochs": epochs,
                "train.batch_size": 128,
                "craft.eps": 0.5,
                "craft.fraction": 0.1,
                "retrain.epochs": epochs,
                "retrain.batch_size": 128,
                "evaluate.eps": 0.3,
            }
        )
        yield project


def digits(given: Inputs, path: Path, *, times: int = 1) -> None:
    """Write the first digits of MNIST, as many as the sizes say, so many times over."""
    with np.load(given.sizes["data"], allow_pickle=False) as arrays:
        np.savez(
            path,
            **{
                f"{axis}_{part}": np.concatenate([arrays[f"{axis}_{part}"][: given.sizes[part]]] * times)
                for part in ("train", "test")
                for axis in "xy"
            },
        )


def figures(cost: Cost) -> dict[str, float]:
    """Return a cost as the figures of a part."""
    return asdict(cost)


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the command of every stage of dvc.yaml, in its order, those of a model or an attack once for each."""
    stages = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    values = {"model": params["models"], "attack": params["craft"]["attacks"]}
    found: dict[str, list[str]] = {}
    for name, stage in stages.items():
        if "matrix" not in stage:
            found[name] = stage["cmd"].split()[1:]
            continue
        (item,) = stage["matrix"]
        for value in values[item]:
            found[f"{name}@{value}"] = stage["cmd"].replace(f"${{item.{item}}}", value).split()[1:]
    return found
