"""What every picture is held to, and what a test asks of one."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image


def assert_picture(path: Path) -> None:
    """Read a file as a PNG of some size that is not all one colour and names no software."""
    with Image.open(path) as picture:
        picture.verify()
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 100
        assert len(np.unique(np.asarray(picture.convert("L")))) > 1
        assert "Software" not in picture.info


def title(figure: Figure) -> str:
    """Return the title of a whole figure."""
    return figure.get_suptitle()


def titles(axes: list[Axes]) -> list[tuple[str, str]]:
    """Return the title of each picture and its colour."""
    return [(each.get_title(), to_hex(each.title.get_color())) for each in axes if each.get_title()]


def picture(axes: Axes) -> NDArray[Any]:
    """Return the pixels that a picture shows."""
    (image,) = axes.images
    return np.asarray(image.get_array())


def bars(axes: Axes) -> list[tuple[float, str]]:
    """Return the height and colour of each bar."""
    (container,) = (each for each in axes.containers if isinstance(each, BarContainer))
    return [(bar.get_height(), to_hex(bar.get_facecolor())) for bar in container]
