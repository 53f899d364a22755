"""Images that cannot be what they are taken for: refused, or kept with a warning."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.confined import refusal
from support.formats import (
    TEST,
    TEST_Y,
    TRAIN,
    TRAIN_Y,
    as_folders,
    as_idx,
    as_npz,
    npz,
    put,
    random_digits,
)

from robust_digits.data import formats

SHAPE = (6, 4, 4)


@pytest.mark.fault("refused")
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((6, 1, 28, 28), "1 or 3 channels, got (6, 1, 28, 28); channels come last: numpy.moveaxis(images, 1, -1)"),
        ((6, 3, 8, 9), "1 or 3 channels, got (6, 3, 8, 9); channels come last: numpy.moveaxis(images, 1, -1)"),
        ((6, 28, 28, 4), "1 or 3 channels, got (6, 28, 28, 4)"),
        ((6, 28, 28, 2), "1 or 3 channels, got (6, 28, 28, 2)"),
    ],
)
def test_channels_come_last(tmp_path: Path, shape: tuple[int, ...], words: str) -> None:
    """Images (n, 1, 28, 28) are not taken for 28 channels."""
    pixels, labels = random_digits(*shape, seed=0)
    assert refusal(put(tmp_path, as_npz(pixels, labels, pixels, labels))).endswith(words)


BLANK = {
    "all black": (np.zeros(SHAPE, np.uint8), "got 0 to 0, or 0 to 0 of 255"),
    "all white": (np.full(SHAPE, 255, np.uint8), "got 1 to 1, or 255 to 255 of 255"),
    "0 and 1": (TRAIN % 2, "got 0 to 0.003922, or 0 to 1 of 255"),
    "scaled twice": (TRAIN.astype(np.float32) / np.float32(255 * 255), "got 0 to 0.003814, or 0 to 1 of 255"),
    "all grey": (np.full(SHAPE, 0.5, np.float32), "got 0.5 to 0.5"),
}


@pytest.mark.fault("refused")
@pytest.mark.parametrize(("pixels", "words"), BLANK.values(), ids=BLANK)
def test_images_on_which_nothing_is_seen_are_refused(tmp_path: Path, pixels: NDArray[Any], words: str) -> None:
    """The range is in the message; test images count as training images do."""
    for part, arrays in (
        ("train", {"x_train": pixels, "y_train": TRAIN_Y, "x_test": TEST, "y_test": TEST_Y}),
        ("test", {"x_train": TEST, "y_train": TEST_Y, "x_test": pixels, "y_test": TRAIN_Y}),
    ):
        said = refusal(put(tmp_path, {"digits.npz": npz(**arrays)}))
        assert said.startswith(f"{tmp_path} ({part}): expected pixels from black to white, 0 to 1 or 0 to 255, ")
        assert words in said


@pytest.mark.fault("refused")
def test_black_pictures_are_refused(tmp_path: Path) -> None:
    """Whatever the format is."""
    said = refusal(put(tmp_path, as_folders(np.zeros(SHAPE, np.uint8), TRAIN_Y, TEST, TRAIN_Y[:4])))
    assert "got 0 to 0" in said


@pytest.mark.fault("recovered")
@pytest.mark.parametrize(
    ("pixels", "notes"),
    [
        (TRAIN // 16, "the pixels are 0 to 0.05882, or 0 to 15 of 255 only; are they scaled as they should be?"),
        (
            255 - TRAIN // 16,
            "the pixels are 0.9412 to 1, or 240 to 255 of 255 only; are they scaled as they should be?",
        ),
        (TRAIN // 4 * 3, None),
        (TRAIN, None),
    ],
)
def test_pale_images_are_kept_with_a_warning(tmp_path: Path, pixels: NDArray[Any], notes: str | None) -> None:
    """Pixels 0 to 16 may be what somebody has; the line has the part and the range."""
    pixels = pixels.astype(np.uint8)
    split = formats.read(put(tmp_path, as_idx(pixels, TRAIN_Y, TEST, TEST_Y)), size=4)
    assert split.notes == (() if notes is None else (f"warning: {tmp_path} (train): {notes}",))


@pytest.mark.fault("refused")
def test_colour_and_grey_are_not_one_data_set(tmp_path: Path) -> None:
    """A model trained on the one cannot be judged on the other."""
    colour, labels = random_digits(6, 4, 4, 3, seed=0)
    assert refusal(put(tmp_path, as_npz(colour, labels, TEST, TEST_Y))) == (
        f"{tmp_path}: expected training and test images with the same number of channels, got 3 (train) and 1 (test)"
    )
