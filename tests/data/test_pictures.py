"""Folders of PNG and JPEG images: the pixels that they show, as classes in a known order, or a refusal in one line."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from support.formats import (
    Bytes,
    Files,
    as_folders,
    as_npz,
    assert_is,
    encoded,
    put,
    random_digits,
    refusal,
    with_contrast,
)

from robust_digits.data import formats, images
from robust_digits.data.resizing import resize
from robust_digits.errors import InputError

GREY = np.arange(16, dtype=np.uint8).reshape(4, 4) * 17
COLOURS = np.stack([GREY, GREY[::-1], GREY.T], axis=-1)


def classes(first: bytes, **others: bytes) -> Files:
    """Return an image of class 0, and one or more of class 1."""
    return {"0/a.png": first, **{f"1/{name}.png": each for name, each in (others or {"a": encoded(GREY)}).items()}}


@given(
    hnp.arrays(np.uint8, st.tuples(st.just(4), *[st.shared(st.integers(1, 6), key="side")] * 2)),
    st.sampled_from([1, 3]),
)
def test_png_round_trip(tmp_path_factory: pytest.TempPathFactory, pixels: Bytes, channels: int) -> None:
    """Pixels come out as they went in, grey with one channel and colours with three."""
    if channels == 3:
        pixels = np.stack([pixels, 255 - pixels, pixels // 2], axis=-1)
    pixels[:2], pixels[2:] = with_contrast(pixels[:2]), with_contrast(pixels[2:])
    labels = np.array([0, 1, 0, 1], np.uint8)
    files = as_folders(pixels[:2], labels[:2], pixels[2:], labels[2:])
    split = formats.read(put(tmp_path_factory.mktemp("raw"), files), size=pixels.shape[1])
    assert_is(split, pixels[:2], labels[:2], pixels[2:], labels[2:])
    assert split.notes == ()


@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "RGB"])
@pytest.mark.parametrize("size", [5, 28])
def test_the_same_images_are_the_same_in_every_format(tmp_path: Path, channels: tuple[int, ...], size: int) -> None:
    """Folders of PNG files give the very bytes that an `.npz` of the same pixels gives after it was resized."""
    train, _ = random_digits(6, 7, 9, *channels, seed=0)
    test, _ = random_digits(4, 7, 9, *channels, seed=1)
    labels = np.repeat(np.arange(2, dtype=np.uint8), 3)
    arrays = (train, labels, test, labels[1:5])
    folders = formats.read(put(tmp_path / "folders", as_folders(*arrays)), size=size)
    packed = formats.read(put(tmp_path / "packed", as_npz(*arrays)), size=size)
    for ours, theirs in ((folders.train, packed.train), (folders.test, packed.test)):
        assert ours is not None
        assert theirs is not None
        np.testing.assert_array_equal(ours.images, resize(theirs, size=size).images)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert folders.notes == (f"resized from 9x7 to {size}x{size} pixels",)


def test_a_folder_without_parts_is_a_set_that_nobody_split(tmp_path: Path) -> None:
    """Folders of classes without `train` and `test` around them have no test images."""
    split = formats.read(put(tmp_path, classes(encoded(GREY))), size=4)
    assert_is(split, np.stack([GREY, GREY]), np.array([0, 1], np.uint8), None, None)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["10", "9", "1"], ["1", "9", "10"]),
        (["10", "9", "a"], ["10", "9", "a"]),
        (["b", "a", "B"], ["B", "a", "b"]),
        (["02", "1", "10"], ["1", "02", "10"]),
    ],
)
def test_classes_are_in_the_order_of_their_names(tmp_path: Path, names: list[str], order: list[str]) -> None:
    """Whole numbers are ordered as numbers, other names as text, and what became of them is told."""
    files = {f"{name}/a.png": encoded(np.full((4, 4), 127 * order.index(name), np.uint8)) for name in names}
    split = formats.read(put(tmp_path, files), size=4)
    np.testing.assert_array_equal(np.rint(split.train.images[:, 0, 0, 0] * 2), split.train.labels)
    assert sorted(split.train.labels.tolist()) == [0, 1, 2]
    assert split.notes == (f"classes: 0 is {order[0]}, 1 is {order[1]}, 2 is {order[2]}",)


def test_test_images_need_not_have_every_class(tmp_path: Path) -> None:
    """The classes are those of the training images; the labels of both parts mean the same."""
    files = {"train/a/1.png": GREY, "train/b/1.png": GREY, "test/b/1.png": GREY}
    split = formats.read(put(tmp_path, {name: encoded(image) for name, image in files.items()}), size=4)
    assert split.test is not None
    assert split.test.labels.tolist() == [1]


def test_a_class_of_test_images_alone_is_refused(tmp_path: Path) -> None:
    """The message says where, and which class nothing was trained on."""
    names = ["train/a/1.png", "train/b/1.png", "test/b/1.png", "test/c/1.png"]
    message = refusal(put(tmp_path, dict.fromkeys(names, encoded(GREY))))
    assert message == f"{tmp_path / 'test'}: expected the classes of {tmp_path / 'train'}, got c too"


def test_images_of_different_sizes_become_one(tmp_path: Path) -> None:
    """Each is resized by itself to the size asked for, and the sizes that there were are told."""
    files = classes(encoded(GREY), wide=encoded(GREY[:2]), small=encoded(GREY[:1, :1]))
    split = formats.read(put(tmp_path, files), size=4)
    assert split.train.images.shape == (3, 4, 4, 1)
    np.testing.assert_array_equal(split.train.images[0, ..., 0], GREY / np.float32(255))
    assert split.notes == ("resized from 3 sizes between 1x1 and 4x4 to 4x4 pixels",)


def test_grey_among_colours_becomes_colours(tmp_path: Path) -> None:
    """One image in colours gives all of them three channels, equal ones to the grey, and their number is told."""
    split = formats.read(put(tmp_path, classes(encoded(COLOURS), a=encoded(GREY), b=encoded(GREY))), size=4)
    np.testing.assert_array_equal(split.train.images[0], COLOURS / np.float32(255))
    np.testing.assert_array_equal(split.train.images[1], np.stack([GREY] * 3, axis=-1) / np.float32(255))
    assert split.notes == ("2 grey images made RGB, as the other 1 are",)


def saved(image: Image.Image, **options: object) -> bytes:
    """Return a PNG file of an image of any mode."""
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


OPAQUE = np.full((4, 4), 255, np.uint8)
SAME: dict[str, tuple[bytes, Bytes]] = {  # files, and the pixels that they show
    "a palette": (saved(Image.fromarray(COLOURS).quantize(16)), COLOURS),
    "opaque colours": (encoded(np.dstack([COLOURS, OPAQUE])), COLOURS),
    "opaque grey": (encoded(np.dstack([GREY, OPAQUE])), GREY),
    "black and white": (saved(Image.fromarray(GREY > 99)), np.where(GREY > 99, 255, 0).astype(np.uint8)),
}


@pytest.mark.parametrize(("content", "pixels"), SAME.values(), ids=SAME)
def test_other_encodings_show_the_same(tmp_path: Path, content: bytes, pixels: Bytes) -> None:
    """Palettes, single bits and an alpha channel without transparency are read for the pixels that they show."""
    other = encoded(pixels)
    split = formats.read(put(tmp_path, classes(content, a=other)), size=4)
    np.testing.assert_array_equal(split.train.images[0], split.train.images[1])
    assert split.train.images.shape[-1] == (3 if pixels.ndim == 3 else 1)


def test_jpeg_is_read_upright(tmp_path: Path) -> None:
    """A photograph that its camera marked as lying on its side is turned, and nearly what it was."""
    bright = np.zeros((16, 8), np.uint8)
    bright[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    lying = encoded(np.rot90(bright), kind="JPEG", exif=exif)
    split = formats.read(put(tmp_path, {"a/1.jpg": lying, "b/1.jpeg": encoded(bright, kind="JPEG")}), size=8)
    np.testing.assert_allclose(split.train.images[0], split.train.images[1], atol=0.05)


def header(width: int, height: int) -> bytes:
    """Return a PNG file that declares a size and has no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def printed() -> bytes:
    """Return a JPEG file in the four colours of a printer."""
    file = io.BytesIO()
    Image.fromarray(COLOURS).convert("CMYK").save(file, "JPEG")
    return file.getvalue()


TRANSPARENT = np.dstack([COLOURS, OPAQUE - GREY])
REFUSED = {
    "empty": (b"", "expected an intact PNG or JPEG image: cannot identify"),
    "text": (b"no image", "expected an intact PNG or JPEG image: cannot identify"),
    "another format": (encoded(GREY, kind="BMP"), "expected an intact PNG or JPEG image: cannot identify"),
    "half": (encoded(random_digits(1, 64, 64, seed=0)[0][0])[:999], "expected an intact PNG or JPEG image: "),
    "without pixels": (header(4, 4), "expected an intact PNG or JPEG image: "),
    "a bomb": (header(10_000, 10_000), "expected an intact PNG or JPEG image: Image size (100000000 pixels) exceeds"),
    "a larger bomb": (header(2**31 - 1, 2**31 - 1), "expected an intact PNG or JPEG image: Image size ("),
    "transparent": (encoded(TRANSPARENT), "expected an opaque image, got one with transparent pixels"),
    "a transparent shade": (saved(Image.fromarray(GREY), transparency=17), "expected an opaque image, got one with"),
    "16 bits": (
        encoded(GREY.astype(np.uint16)),
        "expected a grey or RGB image of 8 bits a channel, got Pillow's mode I;16",
    ),
    "print colours": (
        printed(),
        "expected a grey or RGB image of 8 bits a channel, got Pillow's mode CMYK",
    ),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("first", [True, False])
def test_what_is_no_grey_or_rgb_image_is_refused(tmp_path: Path, content: bytes, words: str, *, first: bool) -> None:
    """The message is one line with the file, what was expected and what was found."""
    files = classes(content) if first else classes(encoded(GREY), a=content)
    message = refusal(put(tmp_path, files))
    assert message.startswith(f"{tmp_path / ('0' if first else '1') / 'a.png'}: {words}")
    assert "\n" not in message


def test_a_bomb_is_refused_before_anything_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What every image says of its size is looked at first: no pixel of the others is read for it."""
    put(tmp_path, classes(encoded(GREY), z=header(2**31 - 1, 1)))
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("an image was decoded"))
    assert "exceeds limit" in refusal(tmp_path)


DAMAGES: dict[str, Callable[[], bytes]] = {
    "grey PNG": lambda: encoded(GREY),
    "PNG with a palette": lambda: SAME["a palette"][0],
    "PNG with alpha": lambda: SAME["opaque colours"][0],
    "JPEG": lambda: encoded(COLOURS, kind="JPEG"),
}


@pytest.mark.parametrize("kind", DAMAGES)
@given(st.data())
@settings(max_examples=150)
def test_a_damaged_image_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    """Any byte may be wrong, any end missing: one line with the file, or pixels that are legal."""
    content = bytearray(DAMAGES[kind]())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = put(tmp_path_factory.mktemp("raw"), classes(bytes(content[: data.draw(st.integers(0, len(content)))])))
    try:
        split = formats.read(folder, size=4)
    except InputError as error:
        assert re.match(rf"{folder}/0/a\.png: expected an?[^\n]*$", str(error))  # noqa: PT017 (either way is right)
    else:
        images.check(split.train, where="train")
