"""Thresholds keep to their share of false alarms, and the area under the curve is what it is by its definition."""

import numpy as np
import pytest

from robust_digits.detect import roc

GENERATOR = np.random.default_rng(0)
CLEAN, ATTACKED = GENERATOR.normal(0, 1, 80).round(1), GENERATOR.normal(1, 1, 60).round(1)  # with ties


@pytest.mark.parametrize(("share", "flagged"), [(0.01, 0), (0.05, 5), (0.5, 50)])
def test_a_threshold_flags_no_more_than_its_share(share: float, flagged: int) -> None:
    """Of a hundred different scores as many lie above it as may."""
    scores = np.random.default_rng(1).permutation(100 if share > 0.01 else 99).astype(float)
    assert (scores > roc.threshold(scores, share)).sum() == flagged


def test_the_area_counts_pairs() -> None:
    """It is the share of pairs in which the attacked image scores higher, ties half, and that below the curve."""
    pairs = (ATTACKED[:, None] > CLEAN).mean() + (ATTACKED[:, None] == CLEAN).mean() / 2
    assert roc.area(CLEAN, ATTACKED) == pytest.approx(pairs)
    points = roc.curve(CLEAN, ATTACKED)
    np.testing.assert_array_equal(points[[0, -1]], [[0, 0], [1, 1]])
    assert (np.diff(points, axis=0) >= 0).all()
    heights = (points[1:, 1] + points[:-1, 1]) / 2
    assert (heights * np.diff(points[:, 0])).sum() == pytest.approx(pairs)


def test_the_interval_of_the_area_covers_it() -> None:
    """In about 95 of 100 draws; one of a perfect detector does not shrink to nothing."""
    generator = np.random.default_rng(2)
    true, covered = 0.7602, 0  # of normal scores one deviation apart
    for _ in range(200):
        low, high = roc.area_interval(generator.normal(0, 1, 80), generator.normal(1, 1, 60))
        covered += low <= true <= high
    assert 180 <= covered <= 199
    low, high = roc.area_interval(np.zeros(50), np.ones(10))
    assert (round(low, 2), high) == (0.72, 1.0)
