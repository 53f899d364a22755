"""What the contenders of a row are given: the same images, labels and network, as files that every one can read."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import Row

SEED, THREADS = 0, 2
SHAPE, CLASSES = (28, 28, 1), 10
BATCH, RATE = 128, 0.001  # of a training, as the tutorial has them
VALIDATION_BATCH = 2048
REACH = 2.5  # steps of PGD together are this many eps long
_SIZES = 128, 512, 1024, 2048  # of the batches that a peer may choose from


@dataclass(frozen=True)
class Inputs:
    """A folder with what a contender works on, and the sizes of the work."""

    folder: Path
    sizes: Mapping[str, Any]

    @cached_property
    def images(self) -> NDArray[np.float32]:
        """Images of random pixels, (n, height, width, channels) in [0, 1]."""
        return self._array("images")

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """What the network answers to each, (n,): every attack finds an image that is right."""
        return self._array("labels")

    @property
    def batches(self) -> list[int]:
        """Batch sizes that a peer may choose from: no larger than the whole, if that is not small."""
        return [size for size in _SIZES if size <= max(len(self.labels), _SIZES[0])]

    @property
    def model(self) -> Path:
        """The network, untrained, that gives logits: a `.keras` file."""
        return self.folder / "model.keras"

    def _array(self, name: str) -> NDArray[Any]:
        with np.load(self.folder / "images.npz", allow_pickle=False) as arrays:
            found: NDArray[Any] = arrays[name]
        return found


def load(folder: Path) -> Inputs:
    """Return what `make` wrote."""
    return Inputs(folder, json.loads((folder / "sizes.json").read_text(encoding="utf-8")))


def make(folder: Path, row: Row, *, quick: bool, data: Path) -> None:
    """Write the inputs of a row into an empty folder; `data` is an `.npz` of MNIST, for the rows that need it."""
    sizes = {**(row.quick if quick else row.sizes), "data": str(data)}
    (folder / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")
    if row.arrays:
        # In a process of its own, so that this one holds no TensorFlow while others are measured.
        command = [sys.executable, "-m", "benchmarks.network", str(folder), str(sizes["images"])]
        subprocess.run(command, check=True)  # noqa: S603 (our own words)
