"""Write a model and its test images as other verifiers read them: ONNX, and a VNN-LIB property for each image.

MODEL is a Keras 3 file (.keras), DATA a .npz file or a folder, as `judge` takes them. Writes a folder: the network that
gives logits, for one image (1, height, width, channels) at a time; for each of the first images that it gets right a
file image_<its index>.vnnlib, which asks for a counterexample; and instances.csv, the list that VNN-COMP's tools run.

Needs the extra `export`: pip install '.[export]'.
"""

import argparse
from collections.abc import Iterator
from glob import escape
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from robust_digits import files
from robust_digits.candidate import request as asked
from robust_digits.candidate import vnnlib
from robust_digits.command import guarded
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.params import Positive, Section, load

LIST = "instances.csv"
_SECONDS = 300  # that a verifier is given for an image
_BATCH = 512


class Evaluate(Section, others=("attacks", "curve")):
    """The radius that the pipeline judges at."""

    eps: Positive


class Params(Section):
    """What is read from params.yaml where no eps is given."""

    evaluate: Evaluate


def export(path: Path, data: Path, output: Path, *, eps: float, images: int) -> list[int]:
    """Write a model and questions about its images into the folder `output`; return the indices of the images.

    Raises
    ------
    InputError
        If a file is not what it must be, a package is missing, or the model gets no image right.
    """
    if find_spec("tf2onnx") is None:
        raise InputError("writing ONNX needs tf2onnx, which is not installed: pip install '.[export]'")
    from robust_digits.candidate import data as read  # noqa: PLC0415 (after the request is checked)

    test = read.load(data)
    from robust_digits import runtime  # noqa: PLC0415 (after the data are checked)
    from robust_digits.candidate import model  # noqa: PLC0415
    from robust_digits.learn import models  # noqa: PLC0415

    runtime.start(seed=0, threads=2)
    candidate = model.load(path, test.images)
    models.check_labels(test.labels, classes=candidate.classes, where=path)
    print(f"{path.stem}: {candidate.note}", flush=True)
    rows = list(islice(_right(candidate.model, test), images))
    if not rows:
        raise InputError(f"{path}: expected a model that gets images of {data} right, got none")
    one = runtime.keras.InputSpec(shape=(1, *test.images.shape[1:]), dtype="float32", name="image")
    network = f"{path.stem}.onnx"
    with files.replacing(output) as temporary:
        temporary.mkdir()
        with runtime.quiet():
            candidate.model.export(temporary / network, format="onnx", verbose=False, input_signature=[one])
        for row in rows:
            asked_of = vnnlib.question(test.images[row], int(test.labels[row]), eps=eps, classes=candidate.classes)
            files.write(temporary / _question(row), asked_of)
        files.write(temporary / LIST, "".join(f"{network},{_question(row)},{_SECONDS}\n" for row in rows))
    return rows


def _right(model: Any, test: ImageSet) -> Iterator[int]:  # noqa: ANN401 (Keras has no types)
    """Yield the index of each image that a model gets right."""
    start = 0
    for batch in test.batches(_BATCH):
        answers = np.asarray(model(batch.images, training=False)).argmax(axis=1)
        yield from (start + int(row) for row in np.flatnonzero(answers == batch.labels))
        start += len(batch)


def _written(stem: str) -> tuple[str, ...]:
    """Return the names of what is written of a model, as patterns; another model's network is not ours to replace."""
    return (f"{escape(stem)}.onnx", "image_*.vnnlib", LIST)


def _question(row: int) -> str:
    return f"image_{row}.vnnlib"


@guarded
def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m robust_digits.candidate.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="the model, a .keras file")
    parser.add_argument("data", type=Path, help="the images: a .npz file, or a folder")
    parser.add_argument("--eps", help="the L-infinity radius (default: evaluate.eps of params.yaml)")
    parser.add_argument("--images", default="10", help="how many images to ask about (default 10)")
    parser.add_argument("--output", type=Path, help="the folder to write (default exported/<name of the model>)")
    given = parser.parse_args()
    eps = load(Params).evaluate.eps if given.eps is None else asked.ball(given.eps, "inf")[0]
    count = asked.whole(given.images, name="IMAGES (--images)", least=1)
    output = asked.check_output(given.output or Path("exported", given.model.stem), _written(given.model.stem))
    rows = export(given.model, given.data, output, eps=eps, images=count)
    print(f"{len(rows)} images, eps {eps:g} -> {output}: {given.model.stem}.onnx, image_<index>.vnnlib, {LIST}")


if __name__ == "__main__":
    main()
