"""What sixty million images and a thousand runs would take on more machines, worked out from recorded results."""

import json
from pathlib import Path

from robust_digits.attack.blocks import BLOCK
from robust_digits.document import markdown
from robust_digits.errors import InputError, listed
from robust_digits.params import PARAMS_FILE, read

MACHINES = 1, 10, 100  # each like the one that made the record: two cores
IMAGES, RUNS = 60_000_000, 1000
TRAINED_ON = 57_000  # images of MNIST, of which a twentieth is held out
PIXELS = 28 * 28 * 4  # bytes of an image
MODEL = 2_000_000  # bytes of a model that goes with every block
HASHED, SENT = 0.5e9, 0.125e9  # bytes a second: MD5 by one core, and a network of 1 Gbit/s
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_WORK = "training", "evaluation"


def table(folder: Path) -> str:
    """Return a table, one line for a piece of work: how long it takes on one machine, on ten, on a hundred.

    `folder` holds the records `mnist-ibp`, of a hardened model and its evaluation, and `digits`, of a whole run.

    Raises
    ------
    InputError
        If a record lacks the seconds of the training or the evaluation of one of its models.
    """
    try:
        mnist, digits = folder / "mnist-ibp", folder / "digits"
        trained, judged = (_seconds(mnist, work)["hardened"] for work in _WORK)
        details = json.loads((mnist / "metrics/details/hardened.json").read_bytes())
        epochs = read(mnist / PARAMS_FILE)["harden"]["epochs"]
        each = judged / details["accuracy.worst_case"]["images"]
        run = sum(sum(_seconds(digits, work).values()) for work in _WORK)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: no such file") from None
    except InputError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{folder}: not the records of mnist-ibp and digits: {error!r}") from None
    sent = IMAGES / BLOCK * (BLOCK * PIXELS + MODEL) / SENT
    work = {
        "attack and prove 60 million images, one model": [IMAGES * each / machines for machines in MACHINES],
        "hand them over as blocks, by one scheduler at 1 Gbit/s": [0, sent, sent],
        "train on them, an epoch": [IMAGES * trained / epochs / TRAINED_ON] * len(MACHINES),
        "hash them, once a file": [IMAGES * PIXELS / HASHED] * len(MACHINES),
        "push or pull them at 1 Gbit/s": [IMAGES * PIXELS / SENT] * len(MACHINES),
        "a study of 1000 runs on the digits": [RUNS * run / machines for machines in MACHINES],
    }
    header = ["", "1 machine", *(f"{machines} machines" for machines in MACHINES[1:])]
    return markdown.table(header, ([name, *map(_time, seconds)] for name, seconds in work.items()))


def _seconds(record: Path, work: str) -> dict[str, float]:
    """Return how long a work took for each model of a record, which leaves out what was made at another place."""
    path = record / f"{work}.json"
    found = json.loads(path.read_bytes())
    models = read(record / PARAMS_FILE)["models"]
    missing = [model for model in models if model not in found]
    if missing:
        lacks = f"got none of {listed(missing)}; record a run that made all of them"
        raise InputError(f"{path}: expected the seconds of every model, {lacks}")
    return {model: float(found[model]) for model in models}


def _time(seconds: float) -> str:
    """Return a time in the unit that a person would say it in."""
    if not seconds:
        return "nothing"
    units = ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min"))
    unit, name = next(((unit, name) for unit, name in units if seconds >= 2 * unit), (1, "s"))
    return f"{seconds / unit:,.0f} {name}"
