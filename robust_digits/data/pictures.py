"""Read PNG and JPEG images, of any sizes, grey or RGB: folders with one for each class, or bytes from elsewhere."""

import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from robust_digits.arrays import memory, scratch
from robust_digits.data import resizing
from robust_digits.data.images import ImageSet
from robust_digits.data.published import UINT8_MAX, Split
from robust_digits.errors import InputError, first_line, listed

GREY, RGB = "L", "RGB"
_CHANNELS = {GREY: 1, RGB: 3}
_MODES = {"1": GREY, "L": GREY, "LA": GREY, "P": RGB, "RGB": RGB, "RGBA": RGB}  # what an image of each becomes
_BROKEN = (  # what Pillow raises for damaged bytes
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, RuntimeError),
    *(Warning, struct.error, zlib.error, Image.DecompressionBombError),
    AssertionError,  # of an image of palette colours without a palette
)


class Encoded(NamedTuple):
    """A PNG or JPEG image that is not decoded yet, and what messages call it."""

    where: str
    file: Path | BinaryIO


class _Header(NamedTuple):
    """What an image says of itself before it is decoded: grey or RGB, and its size, width first."""

    mode: str
    size: tuple[int, int]


def read(root: Path, files: list[Path], *, size: int) -> Split:
    """Read images in a folder for each class, or in such folders under `train` and `test`, as `size` x `size` pixels.

    Classes are numbered in the order of their names, as numbers where all are whole numbers.

    Raises
    ------
    InputError
        If an image is broken, too large, or neither grey nor RGB, or a class has test images only.
    """
    split = len(files[0].relative_to(root).parts) == 3  # noqa: PLR2004 (part, class, image)
    parts = [[file for file in files if file.is_relative_to(root / part)] for part in ("train", "test")]
    train, test = parts if split else (files, [])
    classes = _ordered({file.parent.name for file in train})
    unknown = sorted({file.parent.name for file in test} - set(classes))
    if unknown:
        raise InputError(f"{root / 'test'}: expected the classes of {root / 'train'}, got {listed(unknown)} too")
    images, notes = decode([[Encoded(str(file), file) for file in part] for part in (train, test)], size=size)
    sets = [
        ImageSet(part, np.array([classes.index(file.parent.name) for file in named], np.int64))
        for part, named in zip(images, (train, test), strict=True)
    ]
    if classes != [str(label) for label in range(len(classes))]:
        notes = ["classes: " + listed(f"{label} is {name}" for label, name in enumerate(classes)), *notes]
    return Split(sets[0], sets[1] if split else None, tuple(notes))


def decode(parts: list[Iterable[Encoded]], *, size: int) -> tuple[list[NDArray[np.float32]], list[str]]:
    """Return the images of each part, float32 (n, size, size, channels) in [0, 1], and notes on what was made of them.

    Every part is iterated twice: what the images say of themselves is checked before any is decoded. They have one
    channel if all are grey, three if one is RGB.

    Raises
    ------
    InputError
        If an image is broken, transparent, neither grey nor RGB of 8 bits, or larger than Pillow's limit.
    """
    headers = [[_header(each) for each in part] for part in parts]
    everything = [header for part in headers for header in part]
    mode = RGB if any(header.mode == RGB for header in everything) else GREY
    grey = sum(header.mode == GREY for header in everything)
    notes = [f"{grey} grey images made RGB, as the other {len(everything) - grey} are"] if mode == RGB and grey else []
    notes += resizing.said({header.size for header in everything}, size=size)
    where = f"{len(everything)} images of {size}x{size} pixels"
    memory.check(len(everything) * size * size * _CHANNELS[mode], raw=0, where=where)
    decoded: list[NDArray[np.float32]] = []
    for part, found in zip(parts, headers, strict=True):
        images = scratch.empty((len(found), size, size, _CHANNELS[mode]), np.float32)
        for row, each in enumerate(part):
            images[row] = resizing.fit(_pixels(each, mode=mode), size=size)
        decoded.append(images)
    return decoded, notes


def _header(each: Encoded) -> _Header:
    with _opened(each) as image:
        found = image.mode
        size = image.size
    if found not in _MODES:
        raise InputError(f"{each.where}: expected a grey or RGB image of 8 bits a channel, got Pillow's mode {found}")
    return _Header(_MODES[found], size)


def _pixels(each: Encoded, *, mode: str) -> NDArray[np.float32]:
    """Return an image upright, as float32 (height, width, channels) in [0, 1]."""
    with _opened(each) as image:
        opaque = not image.has_transparency_data or image.convert("RGBA").getchannel("A").getextrema()[0] == UINT8_MAX
        upright = ImageOps.exif_transpose(image).convert(mode)
    if not opaque:
        raise InputError(f"{each.where}: expected an opaque image, got one with transparent pixels")
    pixels = np.asarray(upright, np.float32) / np.float32(UINT8_MAX)
    return pixels.reshape(*pixels.shape[:2], -1)


@contextmanager
def _opened(each: Encoded) -> Iterator[Image.Image]:
    """Open an image; whatever Pillow finds wrong with it, then or in the block, is an `InputError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # by the declared size, before decoding
            with Image.open(each.file, formats=("PNG", "JPEG")) as image:
                yield image
    except _BROKEN as error:
        raise InputError(f"{each.where}: expected an intact PNG or JPEG image: {first_line(error)}") from None


def _ordered(names: set[str]) -> list[str]:
    numbers = all(name.isdecimal() for name in names)
    return sorted(names, key=lambda name: (int(name) if numbers else 0, name))
