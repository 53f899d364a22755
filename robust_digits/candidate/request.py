"""What somebody asks of a model: which files, which ball, where to write; light, so that it is checked first."""

import math
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from robust_digits.attack.table import ATTACKS, Attacks
from robust_digits.errors import InputError, named
from robust_digits.files import check_place
from robust_digits.judge.settings import Curve

FILES = ("metrics.json", "details.json", "verdicts.csv", "sanity.json", "evidence.npz", "page.html")
_CURVE, _STEPS = 200, 10  # images and steps of the curves
_TIMES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)  # the radius, at which the curves are measured
_GREY = 0.5  # the L-infinity radius at which every image may be the same grey
_LARGEST_SEED = 2**32 - 1
_ANOTHER = "name another OUTPUT (--output)"


@dataclass(frozen=True)
class Request:
    """A model, the images to judge it on, the ball, and the folder for what is found."""

    model: Path
    data: Path
    output: Path
    eps: float
    norm: str | int = "inf"
    samples: int = 1000
    seed: int = 0
    threads: int = 2


def ball(eps: str, norm: str) -> tuple[float, str | int]:
    """Return the radius and the norm, "inf" or 2, that were asked for; an `InputError` says what they must be."""
    if norm not in {"inf", "2"}:
        raise InputError(f"NORM (--norm): expected inf or 2, got {norm}")
    try:
        radius = float(eps)
    except ValueError:
        raise InputError(f"EPS (--eps): expected a number, got {eps}") from None
    if not 0 < radius < math.inf or (norm == "inf" and radius > 1):
        raise InputError(f"EPS (--eps): expected more than 0{' and at most 1' if norm == 'inf' else ''}, got {eps}")
    return radius, norm if norm == "inf" else 2


def whole(value: str, *, name: str, least: int, most: int = _LARGEST_SEED) -> int:
    """Return a whole number that was asked for; an `InputError` says what it must be."""
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise InputError(f"{name}: expected a whole number, {least} at least and {most} at most, got {named(value)}")
    return number


def check_output(folder: Path, written: tuple[str, ...] = FILES) -> Path:
    """Return the folder to write, by a name of its own (`.` has none), before an hour is spent on what goes there.

    `written` are the names of what the command writes, patterns such as image_*.vnnlib among them.

    Raises
    ------
    InputError
        If writing it anew would take away anything that this command did not write, or nothing can be written there.
    """
    if folder.name in {"", ".."}:
        folder = folder.resolve()
    try:
        if folder.is_symlink() or folder.is_mount() or (folder.exists() and not folder.is_dir()):
            raise InputError(f"{folder}: expected a folder to write, got something else of that name; {_ANOTHER}")
        there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        others = [name for name in there if not any(fnmatch(name, pattern) for pattern in written)]
        if others:
            raise InputError(f"{folder}: holds {named(others[0])}, which would be lost; {_ANOTHER}")
        check_place(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); {_ANOTHER}") from None
    return folder


def attacks() -> Attacks:
    """Return the suite: plain noise, one step, AutoAttack in its standard version, and an adaptive attack."""
    usual = {name: ATTACKS[name].usual for name in ("noise", "fgm", "autoattack", "adaptive")}
    return Attacks(**usual)


def curve(request: Request, *, pixels: int) -> Curve:
    """Return where accuracy over eps is measured: about the radius, and in the other norm about one like it.

    The other norm's radius is what a uniform draw from an L-infinity ball measures in L2 on average, so that the two
    balls are of like size: a factor of sqrt(pixels / 3). L-infinity is measured at the bound of grey images as well.
    """
    factor = math.sqrt(pixels / 3)
    linf, l2 = (request.eps, request.eps * factor) if request.norm == "inf" else (request.eps / factor, request.eps)
    return Curve(
        samples=min(request.samples, _CURVE),
        steps=_STEPS,
        linf=tuple(sorted({_GREY, *(size for size in _about(linf) if size <= 1)})),
        l2=_about(l2),
    )


def _about(radius: float) -> tuple[float, ...]:
    return tuple(float(f"{times * radius:.4g}") for times in _TIMES)
