"""What every picture is held to."""

from pathlib import Path

import numpy as np
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
