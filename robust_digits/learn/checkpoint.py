"""Keep the state of a long training where an interruption, and DVC, leave it alone.

DVC deletes a stage's outputs before it runs, and the whole workspace of an experiment after it, so the state lies in
the user's cache folder, under a name made from everything that the result depends on: the same training finds its own
state, and no other does.
"""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from robust_digits.cache import code, kept, place
from robust_digits.data.images import ImageSet

State = dict[str, list[NDArray[Any]]]


def path(settings: str, *sets: ImageSet) -> Path:
    """Return where the state of a training lies, by its settings, its images, its code and the libraries it uses."""
    digest = hashlib.sha256(f"{code.fingerprint()} {settings}".encode())
    for images in sets:
        for batch in images.batches():
            digest.update(batch.images.tobytes() + batch.labels.tobytes())
    return place.folder("training") / f"{digest.hexdigest()}.npz"


class Checkpoint:
    """The state of one training in a file.

    Two runs of the same training, in two workspaces, share the file: they go through the same states, so that either
    may go on from what the other wrote. Who wrote last removes it, so that none takes away what the other still needs.
    """

    def __init__(self, file: Path) -> None:
        """Keep the state in a file, which is made when the first epoch is done."""
        self._file = file
        self._writes = True
        self._own: tuple[int, int] | None = None

    def save(self, state: State) -> None:
        """Write named lists of arrays; where that cannot be done, it is said once, and training goes on."""
        arrays = {f"{name}.{i}": array for name, some in state.items() for i, array in enumerate(some)}
        if self._writes:
            self._writes = kept.save(self._file, arrays, otherwise="an interrupted training will start anew")
            self._own = self._written()

    def load(self) -> State | None:
        """Return what `save` wrote, or None where there is nothing or what is there is not what was written."""
        arrays = kept.load(self._file, otherwise="training starts anew")
        if arrays is None:
            return None
        self._own = self._written()
        state: State = {}
        for key in sorted(arrays, key=lambda key: int(key.partition(".")[2])):
            state.setdefault(key.partition(".")[0], []).append(arrays[key])
        return state

    def forget(self) -> None:
        """Remove the state of a training that has ended, unless another run wrote it since."""
        if self._written() == self._own:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)

    def _written(self) -> tuple[int, int] | None:
        """Return what tells one writing of the file from another; None where there is none."""
        with suppress(OSError):
            found = self._file.stat()
            return found.st_ino, found.st_mtime_ns
        return None
