"""Checks go red for models that attacks cannot read."""

import numpy as np
import pytest
from support.evaluations import CHOSEN, CLASSES, before, behind, dense, judged, red, under

from robust_digits.data.images import ImageSet
from robust_digits.judge import sanity
from robust_digits.judge.views import CLEAN
from robust_digits.runtime import tf

pytestmark = pytest.mark.usefixtures("tensorflow")


def test_saturated_logits(transfer: ImageSet) -> None:
    """Huge logits leave the cross-entropy no gradient; the curves follow the logits ratio, which keeps its own."""
    found = judged(under(dense(gain=2e7)), transfer)
    table = sanity.checks(found, control=True)
    assert red(found) == {"zero_gradients", "idle_attacks"}
    assert table["idle_attacks"].measured == 1, "the single step has nowhere to go"
    assert table["zero_gradients"].measured == 1
    assert found.right("pgd").mean() > 0.9, "the margin alone carries the white-box attacks"
    assert not found.right("pgd_margin").any()


def test_saturated_logits_without_the_margin(transfer: ImageSet) -> None:
    """With PGD on the cross-entropy alone, every attack that needs no gradient is better than it."""
    chosen = {name: settings for name, settings in CHOSEN.items() if name != "pgd_margin"}
    found = judged(under(dense(gain=2e7)), transfer, chosen=chosen)
    blind = {"white_box_vs_transfer", "white_box_vs_noise", "white_box_vs_gradient_free"}
    assert {"zero_gradients", "idle_attacks", *blind} == red(found) - {"more_effort"}


@pytest.mark.parametrize("path", [0.0, None], ids=["a gradient of zero", "no way for a gradient"])
def test_shattered_gradients(path: float | None, transfer: ImageSet) -> None:
    """Rounded pixels have no gradient in any loss: whatever needs none is better than PGD."""

    def rounded(images: tf.Tensor) -> tf.Tensor:
        coarse = tf.round(16 * images) / 16
        return coarse if path is None else coarse + path * images

    found = judged(under(behind(rounded)), transfer)
    blind = {"white_box_vs_transfer", "white_box_vs_noise", "white_box_vs_gradient_free"}
    bound = {"zero_gradients", "grey_bound", "unbounded", "idle_attacks", "loss_rises", "planted"}
    assert {*bound, *blind} == red(found) - {"more_effort"}
    assert sanity.checks(found, control=True)["zero_gradients"].measured == 1


def test_gradients_that_are_not_numbers(transfer: ImageSet) -> None:
    """A gradient of NaN leads an attack nowhere, so it is no gradient."""
    found = judged(under(behind(lambda images: images + tf.sqrt(tf.nn.relu(images - 1)))), transfer)
    assert found.right(CLEAN).all(), "the model itself is as good as ever"
    assert "unbounded" in red(found), "PGD stands still"
    assert "zero_gradients" in red(found)


def test_a_model_that_answers_at_random(transfer: ImageSet) -> None:
    """A model that adds noise to its logits answers neither one nor all images alike.

    What an attack broke may stand when it is asked again, so that more steps may seem to be worth less, or more.
    """
    found = judged(under(before(lambda logits: logits + tf.random.normal(tf.shape(logits), stddev=0.01))), transfer)
    assert red(found) - {"iterative_vs_single", "more_effort"} == {"deterministic", "one_by_one"}
    measured = sanity.checks(found, control=True)["deterministic"].measured
    assert measured is not None
    assert 0 < measured < 0.2


def test_a_model_that_answers_nan(transfer: ImageSet) -> None:
    """A model whose logits are not numbers is not deterministic: NaN is no equal of itself."""
    found = judged(under(before(lambda logits: logits * np.nan)), transfer)
    assert "deterministic" in red(found)


def test_a_model_that_answers_probabilities(transfer: ImageSet) -> None:
    """Softmax outputs passed as logits are found out, and nothing else is wrong with them."""
    found = judged(under(before(tf.nn.softmax)), transfer)
    assert red(found) == {"logits"}
    assert sanity.checks(found, control=True)["logits"].measured == 1


def test_logits_that_add_up_to_one(transfer: ImageSet) -> None:
    """Logits that happen to add up to one are no probabilities if some are negative: all is well with them."""
    model = before(lambda logits: 3 * (logits - tf.reduce_mean(logits, axis=1, keepdims=True)) + 1 / CLASSES)
    assert red(judged(under(model), transfer)) == set()


def test_a_constant_model_as_control(transfer: ImageSet) -> None:
    """A model that says one class whatever it sees has a third right under every attack: no control, no gradient."""
    found = judged(under(dense(gain=0, bias=(2, 0, 0))), transfer)
    assert red(found) == {"control", "zero_gradients", "unbounded", "idle_attacks", "loss_rises"}
    assert sanity.checks(found, control=True)["control"].measured == pytest.approx(1 / 3)
