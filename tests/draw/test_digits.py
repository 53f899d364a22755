"""Pictures of digits say what the evidence says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.fabricated import fabricated
from support.pictures import bars, picture, title, titles

from robust_digits.data.images import ImageSet
from robust_digits.draw import digits
from robust_digits.draw.parts import QUIET, RIGHT, WRONG
from robust_digits.judge.views import CLEAN, FGM_TRANSFER, FGM_WHITE_BOX, WORST_CASE


def test_what_fell_is_drawn_clean_and_attacked(figures: list[Figure], tmp_path: Path) -> None:
    """Each image with its number and label, below it as the model saw it, what it was taken for, and under what."""
    test, found = fabricated(wrong=1)
    found = replace(found, pictured={CLEAN: found.pictured[CLEAN], WORST_CASE: 255 - found.pictured[CLEAN]})
    digits.fallen(tmp_path / "fallen.png", found, [0, 4])
    assert titles(figures[0].axes) == [("0: 0", "#000000"), ("4: 1", "#000000"), ("1", WRONG), ("2", WRONG)]
    shown = [axes for axes in figures[0].axes if axes.axison]
    assert [axes.get_xlabel() for axes in shown] == ["", "", "clean", "PGD"]
    clean, _, attacked, _ = (picture(axes) for axes in shown)
    np.testing.assert_allclose(clean, test.images[0, ..., 0], atol=0.002)
    np.testing.assert_allclose(attacked, 1 - test.images[0, ..., 0], atol=0.002)


def test_ten_that_fell_are_enough(figures: list[Figure], tmp_path: Path) -> None:
    """Of more images the first ten are drawn."""
    digits.fallen(tmp_path / "fallen.png", fabricated()[1], list(range(11)))
    assert [axes.get_title() for axes in figures[0].axes[:10]] == [f"{row}: {row % 3}" for row in range(10)]
    assert all(axes.axison for axes in figures[0].axes)


def test_attack_shows_the_strongest_attack(figures: list[Figure], tmp_path: Path) -> None:
    """The title names the attack of the suite that leaves least, what it leaves, and eps."""
    _, found = fabricated()
    digits.attack(tmp_path / "attack.png", found, model="hardened")
    assert title(figures[0]) == "hardened: 8.3% of the test images right under PGD, eps 0.2"
    gentle = {**found.predictions, "pgd": found.predictions["noise"], "deepfool": found.labels[:6]}
    digits.attack(tmp_path / "attack.png", replace(found, predictions=gentle), model="hardened")
    assert title(figures[1]) == "hardened: 83.3% of the test images right under noise, eps 0.2"


def test_attack_needs_pictures(figures: list[Figure], tmp_path: Path) -> None:
    """An attack that did not see all images that are shown is not drawn; with no other, the white-box one is."""
    _, found = fabricated()
    images = {view: each for view, each in found.images.items() if view != "pgd"}
    digits.attack(tmp_path / "attack.png", replace(found, images=images), model="robust")
    assert "of the test images right under DeepFool" in title(figures[0])
    tutorial = {view: found.predictions[view] for view in (CLEAN, FGM_TRANSFER, FGM_WHITE_BOX)}
    digits.attack(tmp_path / "attack.png", replace(found, predictions=tutorial), model="robust")
    assert "0.0% of the test images right under FGM white-box, eps 0.3" in title(figures[1])


def test_attack_colours_what_is_right_and_wrong(figures: list[Figure], tmp_path: Path) -> None:
    """A prediction is green where right and red where wrong, clean and attacked; of the bars, the predicted one is."""
    _, found = fabricated()
    weaker = {**found.logits, "pgd": np.array([[0, 3, 0], [3, 0, 0], [0, 0, 3]], np.float32)}  # 1, 0 and 2
    digits.attack(tmp_path / "attack.png", replace(found, logits=weaker), model="robust")
    grid = np.array(figures[0].axes).reshape(4, 3)
    assert titles(list(grid[0])) == [("is 0\nwrong before", WRONG), ("is 1\nwrong before", WRONG), ("is 2", RIGHT)]
    assert titles(list(grid[2])) == [("taken for 1", WRONG), ("taken for 0", WRONG), ("taken for 2", RIGHT)]
    sure, rest = np.exp(3) / (np.exp(3) + 2), 1 / (np.exp(3) + 2)
    for axes, predicted, colour in zip(grid[3], (1, 0, 2), (WRONG, WRONG, RIGHT), strict=True):
        expected = [(sure, colour) if label == predicted else (rest, QUIET) for label in range(3)]
        assert [each for _, each in bars(axes)] == [each for _, each in expected]
        np.testing.assert_allclose([height for height, _ in bars(axes)], [height for height, _ in expected], rtol=1e-5)


def test_attack_shows_clean_perturbation_and_sum(figures: list[Figure], tmp_path: Path) -> None:
    """Below each clean image stands what was added, blue where darker and red where lighter, and the sum."""
    _, found = fabricated()
    digits.attack(tmp_path / "attack.png", found, model="robust")
    grid = np.array(figures[0].axes).reshape(4, 3)
    for column in range(3):
        clean, attacked = found.images[CLEAN][column, ..., 0], found.images["pgd"][column, ..., 0]
        np.testing.assert_array_equal(picture(grid[0, column]), clean)
        np.testing.assert_allclose(picture(grid[1, column]), attacked - clean)
        np.testing.assert_array_equal(picture(grid[2, column]), attacked)
        (shift,) = grid[1, column].images
        largest = np.abs(found.images["pgd"] - found.images[CLEAN]).max()
        assert shift.get_clim() == pytest.approx((-largest, largest)), "one scale for all"
        darker, _, lighter = shift.cmap([0.1, 0.5, 0.9])
        assert darker[2] > darker[0]
        assert lighter[0] > lighter[2]
        np.testing.assert_allclose(shift.cmap(0.5)[:3], 0.97, atol=0.01)
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["clean", "perturbation", "adversarial", "probability"]
    (scale,) = grid[1, -1].child_axes
    assert scale.get_ylabel() == "change of a pixel"


def test_an_image_that_was_not_changed(figures: list[Figure], tmp_path: Path) -> None:
    """A perturbation of zero is drawn as no change, not divided by."""
    _, found = fabricated()
    still = {**found.images, "pgd": found.images[CLEAN]}
    digits.attack(tmp_path / "attack.png", replace(found, images=still), model="robust")
    shift = figures[0].axes[3].images[0]
    low, high = shift.get_clim()
    assert low < 0 < high
    assert not picture(figures[0].axes[3]).any()


def test_digit_is_one_that_falls(figures: list[Figure], tmp_path: Path) -> None:
    """The digit shown is the first that is right before and wrong after, each with how sure the model is."""
    _, found = fabricated()
    digits.digit(tmp_path / "digit.png", found, model="robust")
    before, sure_before, shift, after, sure_after = figures[0].axes
    assert title(figures[0]) == "robust under FGM white-box, eps 0.3: test image 2, which is 2"
    assert [axes.get_title() for axes in figures[0].axes] == [
        "before",
        "taken for 2 with 91%",
        "perturbation",
        "after",
        "taken for 0 with 91%",
    ]
    np.testing.assert_array_equal(picture(before), found.images[CLEAN][2, ..., 0])
    np.testing.assert_array_equal(picture(after), found.images[FGM_WHITE_BOX][2, ..., 0])
    np.testing.assert_allclose(picture(shift), (found.images[FGM_WHITE_BOX] - found.images[CLEAN])[2, ..., 0])
    assert [colour for _, colour in bars(sure_before)] == [QUIET, QUIET, RIGHT]
    assert [colour for _, colour in bars(sure_after)] == [WRONG, QUIET, QUIET]


@pytest.mark.parametrize("wrong", [0, 3], ids=["none falls", "all wrong before"])
def test_digit_is_the_first_where_none_falls(wrong: int, figures: list[Figure], tmp_path: Path) -> None:
    """Where no shown digit goes from right to wrong, the first one is shown."""
    _, found = fabricated(wrong=wrong)
    if not wrong:
        found = replace(found, logits={**found.logits, FGM_WHITE_BOX: found.logits[CLEAN]})
    digits.digit(tmp_path / "digit.png", found, model="robust")
    np.testing.assert_array_equal(picture(figures[0].axes[0]), found.images[CLEAN][0, ..., 0])


def test_a_pixel_is_a_number(figures: list[Figure], tmp_path: Path) -> None:
    """Every pixel of the first image stands in its place with its value from 0 to 255."""
    test, _ = fabricated(channels=3)
    digits.pixels(tmp_path / "pixels.png", test)
    _, numbers = figures[0].axes
    told = {text.get_position(): int(text.get_text()) for text in numbers.texts}
    values = np.rint(255 * test.images[0].mean(axis=-1)).astype(int)
    assert told == {(column, row): value for (row, column), value in np.ndenumerate(values)}


def test_of_a_large_image_the_middle_is_written_out(figures: list[Figure], tmp_path: Path) -> None:
    """More numbers than can be read are not written: 32 a side, of the middle."""
    images = np.zeros((1, 40, 40, 1), np.float32)
    images[0, 4, 4], images[0, 35, 35] = 0.2, 1.0
    digits.pixels(tmp_path / "pixels.png", ImageSet(images, np.zeros(1, np.int64)))
    _, numbers = figures[0].axes
    assert len(numbers.texts) == 32 * 32
    assert (numbers.texts[0].get_text(), numbers.texts[-1].get_text()) == ("51", "255")
