"""Whether evidence that was read back is what an evaluation leaves: a damaged file must not become a figure."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.judge.views import CERTIFIED, CLEAN, WORST_CASE

if TYPE_CHECKING:  # which reads by this module
    from robust_digits.judge.evidence import Evidence

_POINT = 2  # eps and accuracy


def fault(found: "Evidence") -> str | None:
    """Return the first thing that is not what it must be, as `expected X, got Y`; None if there is none.

    Logits and indicators may be anything, NaN too: it is for the checks to say what that means.
    """
    return next((said for said in _faults(found) if said), None)


def _faults(found: "Evidence") -> Iterator[str | None]:
    count = len(found.labels) if found.labels.ndim == 1 else 0
    yield _numbers("labels", found.labels, least=1)
    yield _numbers("shown", found.shown, least=0, below=count)
    if CLEAN not in found.predictions:
        yield f"expected predictions.{CLEAN}, got {', '.join(found.predictions) or 'none'}"
    for view, predicted in found.predictions.items():
        yield _numbers(f"predictions.{view}", predicted, least=count if view == CLEAN else 1, most=count)
    rows = len(found.shown)
    for view, images in found.images.items():
        yield _array(f"images.{view}", images, "float32", (rows, None, None, None))
        yield None if ((images >= 0) & (images <= 1)).all() else f"images.{view}: expected pixels in [0, 1]"
    for view in (CLEAN, WORST_CASE):
        if view in found.pictured:
            yield _array(f"pictured.{view}", found.pictured[view], "uint8", (count, None, None, None))
        else:
            yield f"expected pictured.{view}, got {', '.join(found.pictured) or 'none'}"
    for view, logits in found.logits.items():
        yield _array(f"logits.{view}", logits, "float32", (rows, None))
    for name, curve in found.curves.items():
        yield _array(f"curves.{name}", curve, "float64", (None, _POINT))
        yield None if np.isfinite(curve).all() else f"curves.{name}: expected finite numbers"
    if found.certified is not None:
        yield _array("certified", found.certified, "bool", (count,))
    yield from _made(found)


def _made(found: "Evidence") -> Iterator[str | None]:
    missing = {*found.predictions, WORST_CASE, CERTIFIED} - found.made.keys()
    yield f"expected how each view was made, got nothing of {', '.join(sorted(missing))}" if missing else None
    for view, made in found.made.items():
        sound = (
            made.norm in (None, "inf", 1, 2)  # a damaged one need not be hashable
            and isinstance(made.eps, (int, float))
            and math.isfinite(made.eps)
            and isinstance(made.settings, dict)
        )
        yield None if sound else f"made.{view}: expected a norm, a finite eps and settings"


def _numbers(
    name: str, values: NDArray[Any], *, least: int, most: float = math.inf, below: float = math.inf
) -> str | None:
    """Say what is wrong with whole numbers from 0: so many of them, each below a bound."""
    wrong = _array(name, values, "int64", (None,))
    if wrong:
        return wrong
    if not least <= len(values) <= most:
        return f"{name}: expected {least} to {most} numbers, got {len(values)}"
    if values.size and (values.min() < 0 or values.max() >= below):
        return f"{name}: expected numbers from 0 below {below}, got {values.min()} to {values.max()}"
    return None


def _array(name: str, values: NDArray[Any], dtype: str, shape: tuple[int | None, ...]) -> str | None:
    """Say what is wrong with the type or the shape, None for any size, of an array."""
    fits = values.ndim == len(shape) and all(want in {None, has} for want, has in zip(shape, values.shape, strict=True))
    if fits and values.dtype == dtype:
        return None
    wanted = ", ".join("n" if size is None else str(size) for size in shape)
    return f"{name}: expected {dtype} of shape ({wanted}), got {values.dtype} of shape {values.shape}"
