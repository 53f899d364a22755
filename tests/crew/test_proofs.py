"""Proofs that others are asked for are those that this process would have found."""

from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.evaluations import digits

from robust_digits.certify.linear_bounds import LinearBounds
from robust_digits.crew import proofs
from robust_digits.crew.proofs import Provers
from robust_digits.errors import InputError
from robust_digits.learn import models

pytestmark = pytest.mark.usefixtures("tensorflow", "worker")

EPS = 0.1  # a size at which some of the images of the small model are proven, and some are not


def test_others_prove_the_same(model: Path) -> None:
    """Linear bounds of other workers prove the same images, block by block in the order that they were asked in."""
    whole = digits()
    sets = [whole[start : start + 16] for start in range(0, len(whole), 16)]
    bounds = LinearBounds(models.load(model), whole.images.shape[1:])
    expected = [bounds.certified(few, eps=EPS) for few in sets]
    assert {True, False} == set(np.concatenate(expected))
    with ThreadPoolExecutor(2) as several:
        found = list(Provers(several, model, threads=2).certify(sets, eps=EPS))
    np.testing.assert_equal(found, expected)


def test_who_takes_no_more_proofs_asks_for_no_more(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many blocks are asked ahead, and what of them has not begun is cancelled by who takes no more."""
    monkeypatch.setattr(proofs, "_AHEAD", 3)
    asked: list[Future[Any]] = []

    class Slow(Executor):
        def submit(self, function: Any, /, *given: Any, **_: Any) -> "Future[Any]":  # noqa: ANN401
            asked.append(Future())
            if len(asked) == 1:
                asked[0].set_result(function(*given))
            return asked[-1]

    answers = Provers(Slow(), model, threads=2).certify([digits()[:4]] * 9, eps=EPS)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert [future.cancelled() for future in asked] == [False, True, True]


def test_a_cluster_that_is_lost_while_it_proves(model: Path) -> None:
    """It is said in the same one line."""

    class Lost(Executor):
        def submit(self, *_: Any, **__: Any) -> "Future[Any]":  # noqa: ANN401
            lost: Future[Any] = Future()
            lost.set_exception(CancelledError())
            return lost

    with pytest.raises(InputError, match="the cluster was lost"):
        list(Provers(Lost(), model, threads=2).certify([digits()], eps=EPS))
