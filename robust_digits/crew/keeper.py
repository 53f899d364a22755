"""What was found of each block, kept until the whole result is written: who was interrupted goes on from there.

DVC deletes a stage's outputs before it runs, so the blocks lie in the user's cache folder, under names made from
everything that a result depends on: the same attack finds its own blocks, and no other does.
"""

import hashlib
import shutil
from pathlib import Path

import numpy as np

from robust_digits.attack.suite import Done
from robust_digits.attack.target import Images, Target
from robust_digits.cache import code, kept, place
from robust_digits.params import Section


class Blocks:
    """The blocks of one stage. `earlier` are the seconds that were spent on those an interrupted run has left."""

    def __init__(self, folder: Path) -> None:
        """Keep blocks in a folder, which is made when the first one is done."""
        self._folder = folder
        self._writes = True
        self.earlier = 0.0

    def kept(self, block: Target, settings: Section) -> Images | None:
        """Return what is kept of a block, None if nothing is."""
        arrays = kept.load(self._path(block, settings), otherwise="the block is attacked anew")
        if arrays is None:
            return None
        self.earlier += float(arrays["seconds"])
        return arrays["images"]

    def keep(self, block: Target, settings: Section, done: Done) -> None:
        """Keep what was found of a block; where nothing can be written, that is said once."""
        if self._writes:
            arrays: kept.Arrays = {"images": done.images, "seconds": np.array(done.seconds)}
            otherwise = "an interrupted attack will start anew"
            self._writes = kept.save(self._path(block, settings), arrays, otherwise=otherwise)

    def forget(self) -> None:
        """Remove all blocks: what they were kept for is written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, block: Target, settings: Section) -> Path:
        """Return where a block lies, by what the attack is given: all but the model, which names the folder."""
        told = f"{block.name} {block.seed} {block.victim.norm} {block.eps!r} {settings.model_dump_json()}"
        given: kept.Arrays = {
            "images": block.images,
            "labels": block.labels,
            "transfer": block.transfer,
            "indices": block.indices,
        }
        return self._folder / f"{block.name}-{_digest(told.encode(), kept.digest(given).encode())}.npz"


def folder(model: Path, *, threads: int, note: str = "") -> Path:
    """Return the folder of a model's blocks: by its file, code and libraries, and the threads.

    `note` says what was made of the file where that is not the model in it.
    """
    made = f"{code.fingerprint()} {threads} {note}".encode()
    return place.folder("blocks") / _digest(model.read_bytes(), made)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()
