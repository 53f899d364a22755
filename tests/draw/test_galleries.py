"""Pictures of many digits say what each is and what it was taken for."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.fabricated import fabricated
from support.pictures import bars, picture, title, titles

from robust_digits.data.images import ImageSet
from robust_digits.draw import galleries
from robust_digits.draw.parts import RIGHT, WRONG


def test_samples_are_the_first_images_with_their_labels(figures: list[Figure], tmp_path: Path) -> None:
    """Ten pictures a row, as many rows as asked for, each with its label."""
    test, _ = fabricated(count=25)
    galleries.samples(tmp_path / "samples.png", test, rows=2)
    shown = [axes for axes in figures[0].axes if axes.images]
    assert [text for text, _ in titles(shown)] == [str(label) for label in test.labels[:20]]
    for axes, image in zip(shown, test.images, strict=False):
        np.testing.assert_array_equal(picture(axes), image[..., 0])
        assert axes.images[0].get_clim() == (0, 1)


def test_colours_are_drawn_as_colours(figures: list[Figure], tmp_path: Path) -> None:
    """An image of three channels is shown with all of them."""
    test, _ = fabricated(channels=3)
    galleries.samples(tmp_path / "samples.png", test)
    np.testing.assert_array_equal(picture(figures[0].axes[0]), test.images[0])


def test_mistakes_are_counted_and_shown(figures: list[Figure], tmp_path: Path) -> None:
    """Each mistake has its picture, what the model takes it for and what it is; the title counts them all."""
    test, found = fabricated()
    galleries.mistakes(tmp_path / "mistakes.png", test, found, model="robust")
    assert title(figures[0]) == "robust: 2 of 12 clean test images wrong"
    assert titles(figures[0].axes) == [("predicted 1, is 0", WRONG), ("predicted 2, is 1", WRONG)]
    shown = [picture(axes) for axes in figures[0].axes if axes.images]
    np.testing.assert_array_equal(shown, test.images[:2, ..., 0])


@pytest.mark.parametrize(("wrong", "pictures"), [(0, 0), (11, 11), (31, 30)])
def test_mistakes_fill_three_rows(wrong: int, pictures: int, figures: list[Figure], tmp_path: Path) -> None:
    """At most thirty mistakes are shown, none is fine too; places without a picture stay blank."""
    galleries.mistakes(tmp_path / "mistakes.png", *fabricated(wrong=wrong, count=45), model="robust")
    more = "; 30 of 31 shown" if wrong == 31 else ""
    assert title(figures[0]) == f"robust: {wrong} of 45 clean test images wrong{more}"
    assert sum(bool(axes.images) for axes in figures[0].axes) == pictures
    assert not any(axes.axison for axes in figures[0].axes)


def test_nine_right_and_nine_wrong_predictions(figures: list[Figure], tmp_path: Path) -> None:
    """The first nine of each stand side by side, each with what it was taken for and what it is."""
    test, found = fabricated(wrong=11, count=15)
    galleries.predictions(tmp_path / "predictions.png", test, found, model="robust")
    right, wrong = figures[0].axes[:9], figures[0].axes[9:]
    assert titles(right) == [(f"predicted {row % 3}, is {row % 3}", RIGHT) for row in range(11, 15)]
    assert titles(wrong) == [(f"predicted {(row + 1) % 3}, is {row % 3}", WRONG) for row in range(9)]
    for row, axes in enumerate(wrong):
        np.testing.assert_array_equal(picture(axes), test.images[row, ..., 0])


def test_crafted_images_stand_below_the_ones_they_are_made_of(figures: list[Figure], tmp_path: Path) -> None:
    """At most ten training images with their labels, each above its adversarial one; the title names attack and eps."""
    test, _ = fabricated(count=12)
    adversarial = ImageSet(1 - np.asarray(test.images[:11]), np.asarray(test.labels[:11]))
    galleries.crafted(tmp_path / "crafted.png", test, adversarial, eps=0.25)
    clean, attacked = figures[0].axes[:10], figures[0].axes[10:]
    assert title(figures[0]).endswith(": FGM against the baseline, eps 0.25")
    assert [axes.get_title() for axes in clean] == [f"is {row % 3}" for row in range(10)]
    for above, below in zip(clean, attacked, strict=True):
        np.testing.assert_allclose(picture(above) + picture(below), 1)


def test_ten_fooled_by_their_numbers(figures: list[Figure], tmp_path: Path) -> None:
    """The first ten images of the transfer set that are wrong, each with its number, predicted and true label."""
    test, found = fabricated(count=24)  # of which every second one is wrong
    galleries.fooled(tmp_path / "fooled.png", test, found, model="baseline")
    assert title(figures[0]) == "baseline: 12 of 24 test images wrong under FGM transfer, eps 0.3"
    assert titles(figures[0].axes) == [
        (f"image {row}\npredicted {(row + 1) % 3}, is {row % 3}", WRONG) for row in range(0, 20, 2)
    ]
    for axes, row in zip(figures[0].axes, range(0, 20, 2), strict=True):
        np.testing.assert_array_equal(picture(axes), test.images[row, ..., 0])


def test_answers_stand_below_their_images(figures: list[Figure], tmp_path: Path) -> None:
    """Each image has the probabilities of its classes below it; its title is green where the likeliest is right."""
    test, _ = fabricated(count=12)
    shares = np.tile(np.array([0.5, 0.3, 0.2], np.float32), (12, 1))
    galleries.answers(tmp_path / "answers.png", test, shares, model="baseline")
    grid = figures[0].axes
    images, below = grid[:10] + grid[20:30], grid[10:20] + grid[30:]
    assert titles(images) == [(f"is {row % 3}", WRONG if row % 3 else RIGHT) for row in range(12)]
    assert [height for height, _ in bars(below[11])] == pytest.approx([0.5, 0.3, 0.2])
    assert [axes.axison for axes in below] == [True] * 12 + [False] * 8
