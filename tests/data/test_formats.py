"""Reading the formats that digit data come in."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from robust_digits.data import formats, images
from robust_digits.data.formats import Split
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


def as_csv(train: Bytes, train_labels: Bytes, test: Bytes, test_labels: Bytes) -> Files:
    """Return a data set as two tables."""
    return {"digits_train.csv": csv(train, train_labels), "digits_test.csv": csv(test, test_labels)}


LAYOUTS: dict[str, Callable[[Bytes, Bytes, Bytes, Bytes], Files]] = {
    "npz": as_npz,
    "idx": as_idx,
    "idx.gz": lambda *arrays: gz(as_idx(*arrays)),
    "dot idx": lambda *arrays: {name.replace("-ubyte", ".idx"): file for name, file in as_idx(*arrays).items()},
    "test for t10k": lambda *arrays: {name.replace("t10k", "test"): file for name, file in as_idx(*arrays).items()},
    "csv": as_csv,
    "csv.gz": lambda *arrays: gz(as_csv(*arrays)),
    "csv with headers": lambda *arrays: {name: header(file) for name, file in as_csv(*arrays).items()},
    "crlf": lambda *arrays: {name: file.replace(b"\n", b"\r\n") for name, file in as_csv(*arrays).items()},
}
ONE_FILE: dict[str, Callable[[bytes], Files]] = {
    "csv": lambda content: {"digits.csv": content},
    "csv.gz": lambda content: gz({"digits.csv": content}),
    "header": lambda content: {"digits.csv": header(content)},
    "header.gz": lambda content: gz({"digits.csv": header(content)}),
    "quoted header": lambda content: {"digits.csv": header(content).replace(b"label", b'"label"')},
    "no last line end": lambda content: {"digits.csv": content.rstrip(b"\n")},
}


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a folder."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def random_digits(count: int, *shape: int, seed: int) -> tuple[Bytes, Bytes]:
    """Return images of any pixels and labels 0...9."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, *shape), np.uint8), random.integers(0, 10, count, np.uint8)


TRAIN, TRAIN_Y = random_digits(6, 4, 4, seed=0)
TEST, TEST_Y = random_digits(4, 4, 4, seed=1)
ARRAYS = {"x_train": TRAIN, "y_train": TRAIN_Y, "x_test": TEST, "y_test": TEST_Y}


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
        formats.read(folder)
    return str(caught.value)


def read_or_refuse(folder: Path) -> None:
    """Read the files in a folder: the result is right, or an `InputError` of one line that has the folder."""
    try:
        split = formats.read(folder)
    except InputError as error:
        assert str(folder) in str(error)  # noqa: PT017 (either way is right)
        assert "\n" not in str(error)  # noqa: PT017 (either way is right)
    else:
        for part in (split.train, split.test):
            if part is not None:
                images.check(part, where="part")


# Every format


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_format_gives_the_same_images(tmp_path: Path, layout: str) -> None:
    """Pixel 255 becomes 1.0 and labels stay, whatever the files are."""
    put(tmp_path, LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y))
    assert_is(formats.read(tmp_path), TRAIN, TRAIN_Y, TEST, TEST_Y)


@pytest.mark.parametrize("layout", ONE_FILE)
def test_one_table_is_a_set_that_nobody_split(tmp_path: Path, layout: str) -> None:
    """A single CSV file has no test images; no line of it is lost, and none but names is taken for a header."""
    put(tmp_path, ONE_FILE[layout](csv(TRAIN, TRAIN_Y)))
    assert_is(formats.read(tmp_path), TRAIN, TRAIN_Y, None, None)


def test_black_and_white_are_zero_and_one(tmp_path: Path) -> None:
    """The ends of the range are exact."""
    pixels = np.array([0, 255], np.uint8).reshape(2, 1, 1)
    put(tmp_path, as_idx(pixels, TRAIN_Y[:2], TEST, TEST_Y))
    assert formats.read(tmp_path).train.images.ravel().tolist() == [0, 1]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_label_too_few_is_refused(tmp_path: Path, layout: str) -> None:
    """Images and labels that disagree in number are refused, in the test part too."""
    if "csv" in layout or layout == "crlf":
        files = LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y)
        name = next(name for name in files if "test" in name)
        text = gzip.decompress(files[name]) if name.endswith(".gz") else files[name]
        text = text.rstrip()[: text.rstrip().rindex(b",")] + b"\n"
        files[name] = gzip.compress(text) if name.endswith(".gz") else text
        words = "expected lines of whole numbers separated by commas"
    else:
        files = LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y[:-1])
        words = "expected a label for each image, got 4 images and 3 labels"
    message = refusal(put(tmp_path, files))
    assert words in message
    assert str(tmp_path) in message


@pytest.mark.parametrize("files", [{}, {"notes.txt": b"", "x.png": b""}, {"digits.npz.part": b""}])
def test_a_folder_of_nothing_known_is_refused(tmp_path: Path, files: Files) -> None:
    """The message says which files would do, and which were found."""
    (tmp_path / "digits.npz").mkdir()
    assert refusal(put(tmp_path, files)) == (
        f"{tmp_path}: expected a .npz file, four IDX files (*-ubyte) or one or two .csv files, "
        f"got {', '.join(sorted(files)) or 'nothing'}"
    )


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A folder that is not there holds nothing."""
    assert refusal(tmp_path / "none").endswith("got nothing")


ENDINGS = (".npz", ".npz.gz", "-ubyte", "-ubyte.gz", ".idx", ".csv", ".csv.gz", ".idx.gz")
HEADS = (b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x1f\x8b\x08\x00", b"\0\0\x08\x03", b"\0\0\x08\x01", b"1,2\n")


@given(st.sampled_from(ENDINGS), st.sampled_from(HEADS), st.binary())
@settings(max_examples=200)
def test_any_bytes_are_refused(
    tmp_path_factory: pytest.TempPathFactory, ending: str, head: bytes, content: bytes
) -> None:
    """A file of another kind under a known name raises `InputError` and nothing else, or is read."""
    names = [f"{name}{ending}" for name in ("train-images", "train-labels", "test-images", "test-labels")]
    files = dict.fromkeys(names if "ubyte" in ending or "idx" in ending else ["digits" + ending], head + content)
    read_or_refuse(put(tmp_path_factory.mktemp("raw"), files))


@given(st.text('0123456789,-+.eE #"a²\n\r\0_', min_size=1))
@settings(max_examples=300)
def test_any_text_is_a_table_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A file that is nearly a table raises `InputError` and nothing else, or is read."""
    read_or_refuse(put(tmp_path_factory.mktemp("raw"), {"digits.csv": text.encode()}))


@pytest.mark.parametrize("layout", ["npz", "idx", "idx.gz", "csv.gz"])
@given(st.data())
@settings(max_examples=150)
def test_a_damaged_byte_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, layout: str, data: st.DataObject
) -> None:
    """Any one byte may be wrong: `InputError` and nothing else, or pixels and labels that are legal."""
    files = LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y)
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(put(tmp_path_factory.mktemp("raw"), {**files, name: bytes(content)}))


@pytest.mark.parametrize("layout", ["npz", "idx", "idx.gz", "csv.gz"])
@given(st.data())
def test_a_truncated_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, layout: str, data: st.DataObject
) -> None:
    """Wherever a file was cut, `InputError` is raised, nothing else, and never are fewer images returned."""
    files = LAYOUTS[layout](TRAIN, TRAIN_Y, TEST, TEST_Y)
    name = data.draw(st.sampled_from(sorted(files)))
    cut = files[name][: data.draw(st.integers(0, len(files[name]) - 1))]
    folder = put(tmp_path_factory.mktemp("raw"), {**files, name: cut})
    assert str(folder) in refusal(folder)


# .npz


def test_whole_numbers_of_any_width_are_read(tmp_path: Path) -> None:
    """Images and labels of 64 bits are the same as those of 8."""
    put(tmp_path, {"digits.npz": npz(**{name: array.astype(np.int64) for name, array in ARRAYS.items()})})
    assert_is(formats.read(tmp_path), TRAIN, TRAIN_Y, TEST, TEST_Y)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_in_the_unit_interval_are_read_as_they_are(tmp_path: Path, dtype: str) -> None:
    """Pixels that are fractions already are not scaled again."""
    pixels = np.array([0, 0.25, 0.5, 1], dtype).reshape(4, 1, 1)
    put(tmp_path, {"digits.npz": npz(**{**ARRAYS, "x_test": pixels})})
    test = formats.read(tmp_path).test
    assert test is not None
    assert test.images.dtype == np.float32
    assert test.images.ravel().tolist() == [0, 0.25, 0.5, 1]


def test_colour_images_keep_their_channels(tmp_path: Path) -> None:
    """Three channels stay three; grey images get an axis for one."""
    pixels, labels = random_digits(5, 4, 4, 3, seed=2)
    put(tmp_path, as_npz(pixels, labels, pixels, labels))
    split = formats.read(tmp_path)
    assert_is(split, pixels, labels, pixels, labels)
    assert split.train.images.shape == (5, 4, 4, 3)


def test_images_that_are_no_squares_are_read(tmp_path: Path) -> None:
    """Height and width may differ where the format says what they are."""
    pixels, labels = random_digits(5, 2, 7, seed=2)
    put(tmp_path, as_npz(pixels, labels, pixels, labels))
    assert formats.read(tmp_path).train.images.shape == (5, 2, 7, 1)


NO_ARRAYS = {
    "a float above 1": ("x_train", TRAIN.astype(np.float32), "(train): expected finite pixel values in [0, 1], got "),
    "a negative float": ("x_test", TEST / -255, "(test): expected finite pixel values in [0, 1], got -"),
    "a float too large for 32 bits": ("x_train", np.full((6, 4, 4), 1e300), "(train): expected finite pixel values"),
    "no number": ("x_test", np.full((4, 4, 4), np.nan), "(test): expected finite pixel values in [0, 1], got nan"),
    "infinity": ("x_test", np.full((4, 4, 4), np.inf), "(test): expected finite pixel values in [0, 1], got inf"),
    "a pixel above 255": ("x_train", TRAIN + np.int64(256), "(train): expected whole pixel values in 0...255, got "),
    "a negative pixel": ("x_test", TEST - np.int64(256), "(test): expected whole pixel values in 0...255, got -"),
    "true and false": ("x_train", TRAIN > 99, "(train): expected pixels as whole numbers or floats, got bool"),
    "text": ("x_train", TRAIN.astype(str), "(train): expected pixels as whole numbers or floats, got <U3"),
    "complex pixels": ("x_train", TRAIN * 1j, "(train): expected pixels as whole numbers or floats, got complex"),
    "flat images": ("x_test", TEST.reshape(4, 16), "(test): expected images as float32 of shape (n, height, width"),
    "one image": ("x_test", TEST[0], "(test): expected images as float32 of shape (n, height, width"),
    "a number": ("x_test", TEST[0, 0, 0], "(test): expected images as float32 of shape (n, height, width"),
    "no images": ("x_test", TEST[:0], "(test): expected a label for each image, got 0 images and 4 labels"),
    "labels as floats": ("y_train", TRAIN_Y / 2, "(train): expected labels as whole numbers, got float64"),
    "labels as text": ("y_train", TRAIN_Y.astype(str), "(train): expected labels as whole numbers, got <U3"),
    "labels one-hot": ("y_test", np.eye(10, dtype=int)[TEST_Y], "(test): expected labels as int64 of shape (n,), got "),
    "a label too few": ("y_test", TEST_Y[1:], "(test): expected a label for each image, got 4 images and 3 labels"),
    "objects": ("x_train", np.array([{}, None]), "expected arrays x_train, y_train, x_test and y_test in an intact"),
}


@pytest.mark.parametrize(("name", "array", "words"), NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_an_array_of_anything_but_digits_is_refused(tmp_path: Path, name: str, array: NDArray[Any], words: str) -> None:
    """The message has the file, the part, what was expected and what was found."""
    message = refusal(put(tmp_path, {"digits.npz": npz(**{**ARRAYS, name: array})}))
    assert message.startswith(str(tmp_path / "digits.npz"))
    assert words in message


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    """Reading objects could run code: the file may say what it will, nothing is run."""

    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
            return Path.touch, (tmp_path / "ran",)

    refusal(put(tmp_path / "raw", {"digits.npz": npz(**{**ARRAYS, "x_train": np.array([Bomb()], object)})}))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ARRAYS)
def test_a_missing_array_is_refused(tmp_path: Path, name: str) -> None:
    """The message has the file, the four names, and the one that is not there."""
    rest = {other: array for other, array in ARRAYS.items() if other != name}
    message = refusal(put(tmp_path, {"digits.npz": npz(**rest)}))
    assert message.startswith(f"{tmp_path / 'digits.npz'}: expected arrays x_train, y_train, x_test and y_test")
    assert message.count(name) == 2


def altered(content: bytes, *, flags: int = 0, method: int = 0) -> bytes:
    """Return a zip file whose first member claims other flags or another compression method."""
    changed = bytearray(content)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.index(signature) + at
        struct.pack_into("<HH", changed, start, flags, method)
    return bytes(changed)


NO_ARCHIVES = {
    "empty": b"",
    "text": b"not a zip file",
    "an array": npy(TRAIN),
    "half a zip file": npz(**ARRAYS)[:200],
    "an empty zip file": archive({}),
    "members that are no arrays": archive({f"{name}.npy": b"text" for name in ARRAYS}),
    "members without an ending": archive(dict.fromkeys(ARRAYS, b"text")),
    "empty members": archive({f"{name}.npy": b"" for name in ARRAYS}),
    "an encrypted member": altered(npz(**ARRAYS), flags=1),
    "an unknown compression": altered(npz(**ARRAYS), method=97),
    "a compression without its data": altered(npz(**ARRAYS), method=zipfile.ZIP_DEFLATED),
    "another compression without its data": altered(npz(**ARRAYS), method=zipfile.ZIP_BZIP2),
    "a third compression without its data": altered(npz(**ARRAYS), method=zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("content", NO_ARCHIVES.values(), ids=NO_ARCHIVES)
def test_a_broken_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """The message is one line with the file and what was expected in it."""
    message = refusal(put(tmp_path, {"digits.npz": content}))
    assert message.startswith(f"{tmp_path / 'digits.npz'}: expected arrays x_train, y_train, x_test and y_test")
    assert "\n" not in message


def test_a_compressed_archive_is_read(tmp_path: Path) -> None:
    """What `np.savez_compressed` wrote is read as what `np.savez` wrote."""
    members = {f"{name}.npy": npy(array) for name, array in ARRAYS.items()}
    put(tmp_path, {"digits.npz": archive(members, compression=zipfile.ZIP_DEFLATED)})
    assert_is(formats.read(tmp_path), TRAIN, TRAIN_Y, TEST, TEST_Y)


def test_two_archives_are_refused(tmp_path: Path) -> None:
    """The message names both files; none is chosen silently."""
    content = npz(**ARRAYS)
    message = refusal(put(tmp_path, {"a.npz": content, "b.npz": content}))
    assert "expected a single .npz file, got " in message
    assert all(word in message for word in (str(tmp_path), "a.npz", "b.npz"))


# IDX


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5)), st.booleans(), st.data())
def test_idx_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    pixels: Bytes,
    compressed: bool,  # noqa: FBT001 (hypothesis passes by position)
    data: st.DataObject,
) -> None:
    """Images of any size and pixels come out as they went in."""
    labels = data.draw(hnp.arrays(np.uint8, len(pixels)))
    files = as_idx(pixels, labels, TEST, TEST_Y)
    folder = put(tmp_path_factory.mktemp("raw"), gz(files) if compressed else files)
    assert_is(formats.read(folder), pixels, labels, TEST, TEST_Y)


IDX_FILES = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS]


@pytest.mark.parametrize("name", IDX_FILES)
@pytest.mark.parametrize("compress", [lambda files: files, gz], ids=["plain", "gz"])
def test_a_missing_file_of_the_four_is_refused(tmp_path: Path, name: str, compress: Callable[[Files], Files]) -> None:
    """The message says which kind of file is missing, and in which folder."""
    files = as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)
    del files[name]
    message = refusal(put(tmp_path, compress(files)))
    part, kind = name.replace("t10k", "test").split("-")[:2]
    assert f"expected one IDX file of {part} {kind}, got none" in message
    assert str(tmp_path) in message


def test_a_file_beside_its_own_archive_is_refused(tmp_path: Path) -> None:
    """Two files that could be the training images are both named; none is chosen silently."""
    files = as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)
    message = refusal(put(tmp_path, {**files, **gz({TRAIN_IMAGES: files[TRAIN_IMAGES]})}))
    assert "expected one IDX file of train images, got " in message
    assert all(word in message for word in (str(tmp_path), f"{TRAIN_IMAGES}, ", f"{TRAIN_IMAGES}.gz"))


def dimensions(*sizes: int, data: bytes = b"") -> bytes:
    """Return an IDX file whose header claims these dimensions."""
    return struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes) + data


NO_IDX = {
    "empty": (b"", "truncated or not an IDX file"),
    "three bytes": (b"\0\0\x08", "truncated or not an IDX file"),
    "half a header": (idx(TRAIN)[:9], "truncated or not an IDX file"),
    "a header alone": (idx(TRAIN)[:16], "expected (6, 4, 4) values as its header says, got 0"),
    "a byte too few": (idx(TRAIN)[:-1], "expected (6, 4, 4) values as its header says, got 95"),
    "a byte too many": (idx(TRAIN) + b"\0", "expected (6, 4, 4) values as its header says, got 97"),
    "more than a machine holds": (dimensions(*[2**32 - 1] * 3), "values as its header says, got 0"),
    "nothing in a huge shape": (dimensions(0, *[2**32 - 1] * 2), ""),
    "more dimensions than numpy knows": (dimensions(*[1] * 65, data=b"\0"), ""),
    "no images": (dimensions(0, 28, 28), "expected"),
    "no dimensions": (dimensions(data=b"\0"), "expected images as float32 of shape (n, height, width, channels)"),
    "labels for images": (idx(TRAIN_Y), "expected images as float32 of shape (n, height, width, channels)"),
    "text": (b"<!DOCTYPE html>" * 20, ""),
    "floats": (b"\0\0\x0d" + idx(TRAIN)[3:], "expected an IDX file of unsigned bytes (00 00 08), got 00 00 0d"),
    "a wrong magic number": (b"\1\0\x08" + idx(TRAIN)[3:], "unsigned bytes (00 00 08), got 01 00 08"),
    "gzip without its ending": (gzip.compress(idx(TRAIN)), ""),
}


@pytest.mark.parametrize(("content", "words"), NO_IDX.values(), ids=NO_IDX)
def test_a_broken_idx_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """The message is one line with the file, what its header says, and what was found."""
    files = {**as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y), TRAIN_IMAGES: content}
    message = refusal(put(tmp_path, files))
    assert message.startswith(f"{tmp_path / TRAIN_IMAGES}: ")
    assert words in message
    assert "\n" not in message


COMPRESSED = gzip.compress(idx(TRAIN), mtime=0)


@pytest.mark.parametrize(
    "content",
    [b"", COMPRESSED[:-1], COMPRESSED[:20], idx(TRAIN), COMPRESSED[:-8] + bytes(8), COMPRESSED[:15] + bytes(9)],
    ids=["empty", "a byte too few", "half", "not compressed", "wrong checksum", "overwritten"],
)
def test_a_broken_gz_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """The message has the file."""
    files = {**gz(as_idx(TRAIN, TRAIN_Y, TEST, TEST_Y)), f"{TRAIN_IMAGES}.gz": content}
    message = refusal(put(tmp_path, files))
    assert message.startswith(f"{tmp_path / TRAIN_IMAGES}.gz: truncated or not an IDX file: ")


# CSV


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), *[st.shared(st.integers(1, 4), key="side")] * 2)),
    st.sampled_from(sorted(ONE_FILE)),
    st.data(),
)
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, pixels: Bytes, layout: str, data: st.DataObject
) -> None:
    """Square images of any size and pixels come out as they went in."""
    labels = data.draw(hnp.arrays(np.uint8, len(pixels)))
    folder = put(tmp_path_factory.mktemp("raw"), ONE_FILE[layout](csv(pixels, labels)))
    assert_is(formats.read(folder), pixels, labels, None, None)


@pytest.mark.parametrize("first", [csv(TRAIN, TRAIN_Y), header(csv(TRAIN, TRAIN_Y))], ids=["numbers", "header"])
@pytest.mark.parametrize("compress", [lambda files: files, gz], ids=["plain", "gz"])
def test_a_byte_order_mark_is_skipped(tmp_path: Path, first: bytes, compress: Callable[[Files], Files]) -> None:
    """Spreadsheets begin a UTF-8 file with one; it does not make a header of the first image."""
    put(tmp_path, compress({"digits.csv": b"\xef\xbb\xbf" + first}))
    assert_is(formats.read(tmp_path), TRAIN, TRAIN_Y, None, None)


NO_CSV = {
    "empty": ("", "expected"),
    "blank lines": ("\n\n", "expected"),
    "a header alone": ("label,a,b,c,d\n", "expected"),
    "text": ("label,a,b,c,d\n5,1,x,3,4\n", "expected lines of whole numbers separated by commas"),
    "text in the first line": ("5,1,x,3,4\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "text for the first label": ("x5,1,2,3,4\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "a cell without a number": ("5,1,2,3,4\n5,1,,3,4\n", "expected lines of whole numbers separated by commas"),
    "a first cell without one": ("5,,2,3,4\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "fractions": ("label,a,b,c,d\n5,0.5,1,1,1\n", "expected lines of whole numbers separated by commas"),
    "fractions at first": ("5,0.5,1,1,1\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "exponents": ("5,1,2,3,4\n5,1e2,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "more than 64 bits": ("99999999999999999999,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "semicolons": ("5;1;2;3;4\n6;1;2;3;4\n", "expected"),
    "a ragged line": ("5,1,2,3,4\n5,1,2,3\n", "expected lines of whole numbers separated by commas"),
    "two header lines": ("a,b,c,d,e\na,b,c,d,e\n5,1,2,3,4\n", "expected lines of whole numbers separated by commas"),
    "a label alone": ("5\n", "expected a label and a square number of pixels a line, got 0 pixels"),
    "no square": ("5,1,2,3\n", "expected a label and a square number of pixels a line, got 3 pixels"),
    "a negative pixel": ("5,1,-2,3,4\n", "expected whole pixel values in 0...255, got -2 to 4"),
    "a pixel above 255": ("5,1,256,3,4\n", "expected whole pixel values in 0...255, got 1 to 256"),
}


@pytest.mark.parametrize("compress", [lambda files: files, gz], ids=["plain", "gz"])
@pytest.mark.parametrize(("text", "words"), NO_CSV.values(), ids=NO_CSV)
def test_a_broken_table_is_refused(tmp_path: Path, text: str, words: str, compress: Callable[[Files], Files]) -> None:
    """The message has the file, what was expected and what was found; no line is dropped, no number rounded."""
    files = compress({"digits.csv": text.encode()})
    message = refusal(put(tmp_path, files))
    assert message.startswith(f"{tmp_path / next(iter(files))}: {words}")
    assert "\n" not in message


@pytest.mark.parametrize(
    "content", [b"5,1,2,3,\xff\n", b"label\xff,a\n5,1\n", b"5,1,2,3,4\n5,1,2,3,\xff\n", b"\xff\xfe5\0"]
)
def test_a_table_of_other_bytes_than_text_is_refused(tmp_path: Path, content: bytes) -> None:
    """A table is UTF-8; the message has the file."""
    message = refusal(put(tmp_path, {"digits.csv": content}))
    assert message.startswith(f"{tmp_path / 'digits.csv'}: expected lines of whole numbers separated by commas: ")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["one.csv", "two.csv"], "expected one .csv file with train in its name, got none"),
        (["train.csv", "two.csv"], "expected one .csv file with test in its name, got none"),
        (["train.csv", "train2.csv", "test.csv"], "expected one .csv file with train in its name, got "),
    ],
)
def test_tables_whose_part_is_not_in_their_name_are_refused(tmp_path: Path, names: list[str], words: str) -> None:
    """The message says which name is missing or there twice, and in which folder."""
    message = refusal(put(tmp_path, dict.fromkeys(names, csv(TRAIN, TRAIN_Y))))
    assert words in message
    assert str(tmp_path) in message


# scikit-learn's digits


def digits(folder: Path, lines: str) -> Path:
    """Write a file as scikit-learn keeps its digits."""
    path = folder / "digits.csv.gz"
    path.write_bytes(gzip.compress(lines.encode()))
    return path


def test_the_digits_have_their_label_last(tmp_path: Path) -> None:
    """16 is white, the last number of a line is the label, and nobody split the set."""
    lines = [",".join(map(str, [*range(16), 16, *[0] * 47, label])) for label in (7, 0)]
    split = formats.read_digits(digits(tmp_path, "\n".join(lines)))
    assert split.test is None
    assert split.train.labels.tolist() == [7, 0]
    assert split.train.images.shape == (2, 8, 8, 1)
    assert (split.train.images[1].ravel() * 16).tolist() == [*range(16), 16, *[0] * 47]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",".join(["17"] + ["0"] * 64), "expected whole pixel values in 0...16, got 0 to 17"),
        (",".join(["0"] * 64), "expected"),
        (",".join(["0"] * 33), "expected"),
        (",".join(["0"] * 129), "expected"),
        ("text", "expected"),
        ("", "expected"),
    ],
    ids=["pixel 17", "63 pixels", "32 pixels", "128 pixels", "text", "empty"],
)
@pytest.mark.parametrize("times", [1, 2])
def test_other_digits_are_refused(tmp_path: Path, line: str, words: str, times: int) -> None:
    """The message has the file and what was expected; lines are not cut up or joined to make images."""
    path = digits(tmp_path, f"{line}\n" * times)
    with pytest.raises(InputError) as caught:
        formats.read_digits(path)
    assert str(caught.value).startswith(f"{path}: {words}")
