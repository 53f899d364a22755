"""Judge a Keras model of your own: what AutoAttack leaves of it, what is proven, whether the evaluation can be trusted.

MODEL is a Keras 3 file (.keras): Sequential, functional or nested, with or without a softmax at the end; nothing is
trained. DATA is a .npz file with images and labels (or x_test and y_test, or x and y), or a folder with images.npy
and labels.npy: images are floats in [0, 1], (n, height, width, channels) or (n, height, width), labels whole numbers
from 0. A model that expects other numbers does so in a layer in front, such as Rescaling(255) or Normalization.

Writes a folder: page.html, to be read; metrics.json and how each figure was made (details.json); a verdict on every
image (verdicts.csv); the checks (sanity.json); and the evidence that all of them come from (evidence.npz).
Interrupted, it goes on where it was when it is started again.
"""

import argparse
import logging
import sys
from pathlib import Path

from robust_digits.candidate import request as asked
from robust_digits.candidate.request import Request
from robust_digits.command import FAILED, guarded
from robust_digits.errors import InputError
from robust_digits.params import MOST_THREADS

_ENDS = "Ends with 0: done; 1: a check is red, the figures cannot be trusted; 2: could not be done."


def judge(request: Request) -> int:
    """Judge the model, print and write what was found, and return an exit code: 1 if a check of the evaluation is red.

    Raises
    ------
    InputError
        If a file is not what it must be.
    """
    from robust_digits.candidate import data  # noqa: PLC0415 (after the request is checked)

    images = data.load(request.data)

    from robust_digits import runtime  # noqa: PLC0415 (after the data are checked)
    from robust_digits.attack.suite import Suite  # noqa: PLC0415
    from robust_digits.candidate import files, model, told  # noqa: PLC0415
    from robust_digits.crew import keeper  # noqa: PLC0415
    from robust_digits.judge import evaluation, sanity  # noqa: PLC0415
    from robust_digits.learn import models  # noqa: PLC0415

    runtime.start(seed=request.seed, threads=request.threads)
    candidate = model.load(request.model, images.images)
    models.check_labels(images.labels, classes=candidate.classes, where=request.model)
    few = images[: request.samples]
    name = request.model.stem
    note = "; ".join(filter(None, [candidate.note, data.left_out(images.labels, samples=request.samples)]))
    print(f"{name}: {note}", flush=True)
    blocks = keeper.Blocks(keeper.folder(request.model, threads=request.threads, note=candidate.note))
    evidence = evaluation.judge(
        Suite(candidate.model, eps=request.eps, norm=request.norm, seed=request.seed, keeper=blocks),
        few,
        attacks=asked.attacks().chosen(),
        curve=asked.curve(request, pixels=int(few.images[0].size)),
        seed=request.seed,
    )
    checks = sanity.checks(evidence, control=False)
    found = told.Judged(name, evidence, checks, note=note, data=request.data.name, available=len(images))
    files.save(request.output, found, few)
    blocks.forget()
    print("", *told.lines(found), f"written to {request.output}: {', '.join(asked.FILES)}", sep="\n")
    return 0 if found.trusted else FAILED


@guarded
def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m robust_digits.candidate.judge",
        description=__doc__,
        epilog=_ENDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="the model, a .keras file")
    parser.add_argument("data", type=Path, help="the images: a .npz file, or a folder")
    parser.add_argument(
        "--eps", required=True, help="the radius of the ball around each image; at most 1 in L-infinity"
    )
    parser.add_argument("--norm", default="inf", help="the norm of the ball, inf or 2 (default inf)")
    parser.add_argument("--samples", default="1000", help="how many of the first images (default 1000)")
    parser.add_argument("--output", type=Path, help="the folder to write (default judged/<name of the model>)")
    parser.add_argument("--seed", default="0", help="of all that is drawn at random (default 0)")
    parser.add_argument("--threads", default="2", help="threads inside an operation, part of the result (default 2)")
    request = _request(parser.parse_args())
    if not sys.stderr.isatty():  # on a terminal there are bars
        logging.basicConfig(format="%(message)s", stream=sys.stderr)
        logging.getLogger("robust_digits").setLevel(logging.INFO)
    return judge(request)


def _request(given: argparse.Namespace) -> Request:
    """Return what the command line asks for, checked as far as can be without loading anything."""
    eps, norm = asked.ball(given.eps, given.norm)
    output = asked.check_output(given.output or Path("judged", given.model.stem))
    for path, says in ((given.model, "model saved as .keras"), (given.data, ".npz file or folder of images")):
        if not path.exists():
            raise InputError(f"{path}: no such file; expected a {says}")
    return Request(
        model=given.model,
        data=given.data,
        output=output,
        eps=eps,
        norm=norm,
        samples=asked.whole(given.samples, name="SAMPLES (--samples)", least=1),
        seed=asked.whole(given.seed, name="--seed", least=0),
        threads=asked.whole(given.threads, name="--threads", least=1, most=MOST_THREADS),
    )


if __name__ == "__main__":
    main()
