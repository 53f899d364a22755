"""Files of every format that can be read, good and broken."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from robust_digits.data import formats, images
from robust_digits.data.published import Split
from robust_digits.errors import InputError

Bytes = NDArray[np.uint8]


Files = dict[str, bytes]


TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def npy(array: NDArray[Any]) -> bytes:
    """Return an .npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=array.dtype.hasobject)
    return file.getvalue()


def archive(members: Mapping[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip file, without the time in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, content in members.items():
            opened.writestr(zipfile.ZipInfo(name), content, compression)
    return file.getvalue()


def tar(members: Mapping[str, bytes], *, mode: Literal["w", "w:gz"] = "w:gz") -> bytes:
    """Return a tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as opened:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return file.getvalue()


def encoded(pixels: Bytes, *, kind: str = "PNG", **options: object) -> bytes:
    """Return an image file of pixels (height, width) or (height, width, 3), or more channels."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def npz(**arrays: NDArray[Any]) -> bytes:
    """Return an .npz file."""
    return archive({f"{name}.npy": npy(array) for name, array in arrays.items()})


def idx(array: Bytes) -> bytes:
    """Return an IDX file of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def csv(pixels: Bytes, labels: Bytes) -> bytes:
    """Return a CSV file without a header: a label, then the pixels, for each image."""
    lines = (",".join(map(str, [label, *image.ravel()])) for image, label in zip(pixels, labels, strict=True))
    return "".join(f"{line}\n" for line in lines).encode()


def header(content: bytes) -> bytes:
    """Return a CSV file with the header line that Kaggle's MNIST has."""
    pixels = content.splitlines()[0].count(b",")
    return b"label," + b",".join(b"pixel%d" % pixel for pixel in range(pixels)) + b"\n" + content


def gz(files: Files) -> Files:
    """Return the same files, each compressed."""
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}


def as_npz(train: Bytes, train_labels: Bytes, test: Bytes, test_labels: Bytes) -> Files:
    """Return a data set as Keras publishes it."""
    return {"digits.npz": npz(x_train=train, y_train=train_labels, x_test=test, y_test=test_labels)}


def as_idx(train: Bytes, train_labels: Bytes, test: Bytes, test_labels: Bytes) -> Files:
    """Return a data set as MNIST was published."""
    arrays = {TRAIN_IMAGES: train, TRAIN_LABELS: train_labels, TEST_IMAGES: test, TEST_LABELS: test_labels}
    return {name: idx(array) for name, array in arrays.items()}


def as_folders(train: Bytes, train_labels: Bytes, test: Bytes, test_labels: Bytes) -> Files:
    """Return a data set as folders of PNG files, train and test apart, a folder for each class."""
    return {
        f"{part}/{label}/{row:03}.png": encoded(image)
        for part, images, labels in (("train", train, train_labels), ("test", test, test_labels))
        for row, (image, label) in enumerate(zip(images, labels, strict=True))
    }


def as_cifar(train: Bytes, train_labels: Bytes, test: Bytes, test_labels: Bytes) -> Files:
    """Return a data set as CIFAR-10 is published, the training images in two files."""
    records, tested = (
        np.column_stack([labels, images.transpose(0, 3, 1, 2).reshape(len(images), -1)])
        for images, labels in ((train, train_labels), (test, test_labels))
    )
    half = len(records) // 2
    batches = {"data_batch_1.bin": records[:half], "data_batch_2.bin": records[half:], "test_batch.bin": tested}
    return {name: batch.tobytes() for name, batch in batches.items()}


def as_csv(train: Bytes, train_labels: Bytes, test: Bytes, test_labels: Bytes) -> Files:
    """Return a data set as two tables."""
    return {"digits_train.csv": csv(train, train_labels), "digits_test.csv": csv(test, test_labels)}


ONE_FILE: dict[str, Callable[[bytes], Files]] = {
    "csv": lambda content: {"digits.csv": content},
    "csv.gz": lambda content: gz({"digits.csv": content}),
    "header": lambda content: {"digits.csv": header(content)},
    "header.gz": lambda content: gz({"digits.csv": header(content)}),
    "quoted header": lambda content: {"digits.csv": header(content).replace(b"label", b'"label"')},
    "no last line end": lambda content: {"digits.csv": content.rstrip(b"\n")},
}


def with_contrast(pixels: Bytes) -> Bytes:
    """Return images that begin with a black and a white pixel, which make any others plausible, or a white one."""
    changed = pixels.copy()
    changed.flat[0], changed.flat[-1] = 0, 255
    return changed


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a folder."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def random_digits(count: int, *shape: int, seed: int) -> tuple[Bytes, Bytes]:
    """Return images of any pixels and labels 0...9."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, *shape), np.uint8), random.integers(0, 10, count, np.uint8)


TRAIN, TRAIN_Y = random_digits(6, 4, 4, seed=0)


TEST, TEST_Y = random_digits(4, 4, 4, seed=1)


def assert_is(split: Split, train: Bytes, train_labels: Bytes, test: Bytes | None, test_labels: Bytes | None) -> None:
    """Hold that a data set has these images, as float32 in [0, 1] with a channel axis, and labels."""
    for part, pixels, labels in ((split.train, train, train_labels), (split.test, test, test_labels)):
        if pixels is None or labels is None:
            assert part is None
        else:
            assert part is not None
            images.check(part, where="part")
            np.testing.assert_array_equal(part.images, (pixels / np.float32(255)).reshape(*pixels.shape[:3], -1))
            np.testing.assert_array_equal(part.labels, labels)


def refusal(folder: Path) -> str:
    """Return the message that the files in a folder are refused with."""
    with pytest.raises(InputError) as caught:
        formats.read(folder, size=4)
    return str(caught.value)


def claiming(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    """Return the header of an .npy file without what it announces."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})  # type: ignore[no-untyped-call]
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a part of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
