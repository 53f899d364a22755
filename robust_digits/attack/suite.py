"""The suite: the attacks of the table on one model, each within eps and each with draws of its own."""

import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from robust_digits.arrays import perturbation, scratch
from robust_digits.attack import attacks, blocks
from robust_digits.attack.table import ATTACKS, member
from robust_digits.attack.target import Images, Target, Victim
from robust_digits.data.images import ImageSet
from robust_digits.params import Section
from robust_digits.runtime import keras

STANDING = -1  # of an image that no member of an ensemble broke


@dataclass(frozen=True)
class Found:
    """What an attack made of images: `images` float32 (n, height, width, channels), and `by` whom they were broken.

    `by`, int64 (n,), numbers the members of an ensemble; where an image stands, or was wrong anyway, it is STANDING.
    """

    images: Images
    by: NDArray[np.int64]


@dataclass(frozen=True)
class Done:
    """A block that was attacked: its number, what was made of its images, and the seconds that it took."""

    number: int
    images: Images
    seconds: float


class Keeper(Protocol):
    """Where blocks that are done are kept, so that an interrupted attack goes on from there."""

    def kept(self, block: Target, settings: Section) -> Images | None:
        """Return what is kept of a block, None if nothing is."""

    def keep(self, block: Target, settings: Section, done: Done) -> None:
        """Keep what was made of a block."""


class Crew(Protocol):
    """Who attacks blocks in the place of this process."""

    def work(self, blocks: Iterable[tuple[int, Target]], settings: Section) -> Iterator[Done]:
        """Yield each block, named by its number, when it is done."""


class Suite:
    """The attacks on one model: built once, because compiling them takes seconds."""

    def __init__(
        self,
        model: keras.Model,
        *,
        eps: float,
        seed: int,
        norm: str | int = "inf",
        keeper: Keeper | None = None,
        crew: Crew | None = None,
        size: int = blocks.BLOCK,
    ) -> None:
        """Take a Keras model that gives logits, the ball of radius `eps` in `norm`, and the seed of all attacks.

        What is done is kept by `keeper`, `size` images at a time; `crew` does it, or this process.
        """
        self.victim = Victim(model, norm=norm, eps=eps)
        self.model = self.victim.classifier
        self.norm = norm
        self._seed, self._keeper, self._crew, self._size = seed, keeper, crew, size

    @property
    def eps(self) -> float:
        """The radius of the ball."""
        return self.victim.eps

    def attack(
        self,
        name: str,
        settings: Section,
        whole: ImageSet,
        transfer: Images,
        *,
        indices: NDArray[np.int64] | None = None,
        proven: NDArray[np.bool_] | None = None,
    ) -> Found:
        """Return the images under one attack of the table, in order, none more than eps away.

        As `perturb`; an image for which an attack without a bound needed more than eps is put back: it has survived.

        Raises
        ------
        ValueError
            If the result leaves the ball of radius eps or [0, 1].
        """
        found = self.perturb(name, settings, whole, transfer, indices=indices, proven=proven)
        if not ATTACKS[name].bounded:
            near = perturbation.inside(whole.images, found.images, norm=self.norm, eps=self.eps)
            for rows in scratch.chunks(found.images):
                found.images[rows][~near[rows]] = whole.images[rows][~near[rows]]
        perturbation.check(whole.images, found.images, norm=self.norm, eps=self.eps)
        return found

    def perturb(
        self,
        name: str,
        settings: Section,
        whole: ImageSet,
        transfer: Images,
        *,
        indices: NDArray[np.int64] | None = None,
        proven: NDArray[np.bool_] | None = None,
    ) -> Found:
        """Return what one attack of the table makes of the images, whatever the size of its perturbations.

        Images that the model gets wrong anyway are left as they are. `transfer` are the same images crafted against
        another model; `indices` say which of the test images these are, the first ones if None. What is found for an
        image depends on its index, the attack and the seed, not on the images beside it; the attacks of ART, which
        draw for a whole block, are the exception.

        Of an ensemble, each member attacks what those before it left standing. `proven` are those that no attack can
        break, none if None: the first member tries them, so that the proofs are tried too, and the others are spared.
        """
        indices = np.arange(len(whole)) if indices is None else indices
        proven = np.zeros(len(whole), np.bool_) if proven is None else proven
        found, by = scratch.copied(whole.images), np.full(len(whole), STANDING)
        members = ATTACKS[name].members
        right = self._right(found, whole.labels, indices)
        for number, each in enumerate(members or (name,)):
            rows = np.flatnonzero(right & (by == STANDING) & ~(proven & (number > 0)))
            if not rows.size:
                break
            told = member(each, settings) if members else settings
            for places, tried in self._crafted(each, told, whole, transfer, indices, rows):
                fell = ~self._right(tried, whole.labels[places], indices[places])
                middles = whole.images[places]
                if members:
                    fell &= perturbation.inside(middles, tried, norm=self.norm, eps=self.eps)
                if members and not ATTACKS[each].bounded:  # what has survived is put back
                    tried = np.where(fell[:, None, None, None], tried, middles)  # noqa: PLW2901 (seen by no other turn)
                found[places] = tried
                by[places[fell]] = number
        return Found(found, by)

    def _right(self, images: Images, labels: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which images the model gives their label."""
        verdict: NDArray[np.bool_] = self.model.predict(images, indices=indices).argmax(axis=1) == labels
        return verdict

    def _crafted(  # noqa: PLR0917 (as `perturb`)
        self,
        name: str,
        settings: Section,
        whole: ImageSet,
        transfer: Images,
        indices: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> Iterator[tuple[NDArray[np.int64], Images]]:
        """Yield what an attack that is no ensemble makes of some rows, all of which the model gets right.

        A block at a time, as it is done, with the rows that it is of.
        """
        cut = [rows[places] for places in blocks.cut(indices[rows], size=self._size)]

        def block(number: int) -> Target:
            return Target(
                images=np.array(whole.images[cut[number]]),
                labels=np.array(whole.labels[cut[number]]),
                transfer=np.asarray(transfer[cut[number]]),
                indices=indices[cut[number]],
                victim=self.victim,
                seed=self._seed,
                name=name,
            )

        with _bar(name, len(rows)) as bar:
            for number, images in self._done(block, len(cut), settings):
                yield cut[number], images
                bar.update(len(images))

    def _done(self, block: Callable[[int], Target], count: int, settings: Section) -> Iterator[tuple[int, Images]]:
        """Yield the number of each block and what is made of it, at once where it is kept."""
        missing = []
        for number in range(count):
            kept = self._keeper.kept(block(number), settings) if self._keeper else None
            if kept is None:
                missing.append(number)
            else:
                yield number, kept
        for done in (self._crew or self).work(((number, block(number)) for number in missing), settings):
            if self._keeper:
                self._keeper.keep(block(done.number), settings, done)
            yield done.number, done.images

    def work(self, blocks: Iterable[tuple[int, Target]], settings: Section) -> Iterator[Done]:
        """Attack blocks one after another, in this process."""
        for number, target in blocks:
            start = time.perf_counter()
            images = craft(target, settings)
            yield Done(number, images, time.perf_counter() - start)


def craft(target: Target, settings: Section) -> Images:
    """Run the function of an attack, which has its name, on a block."""
    seed = crc32(target.name.encode()) ^ target.seed ^ int(target.indices[0])
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (where ART draws from, beside Python's own generator)
    found: Images = getattr(attacks, target.name)(target, settings)
    perturbation.check(target.images, found, norm=target.victim.norm, eps=np.inf)  # before what is too far is put back
    return found


@contextmanager
def _bar(name: str, count: int) -> Iterator["tqdm[NoReturn]"]:
    """Show the progress of an attack on a terminal."""
    with tqdm(total=count, desc=name, unit="image", disable=not sys.stderr.isatty()) as bar:
        yield bar
