"""Write down every network: its layers, what each gives, and its number of weights.

`docs/networks.csv` has a line for each network, `docs/networks.md` its layers, for images of 28x28 pixels and ten
classes.
"""

import argparse
from pathlib import Path
from typing import Any

from robust_digits import files, tables
from robust_digits.command import guarded
from robust_digits.document import markdown
from robust_digits.tables import Cell

SHAPE, CLASSES = (28, 28, 1), 10
_HEAD = """# The networks

Every network that `train.architecture` and `harden.architecture` may name, for images of 28x28 pixels and ten classes,
with its own settings: what each layer gives, and how many weights it has. `make networks` writes this page and
[networks.csv](networks.csv); each training prints the like for its own network where it starts. *Watson* and *Keras
library* are [documents that this project started from](seeds.md).
"""


def rows() -> list[dict[str, Cell]]:
    """Return a line for each network: its name as `value`, how many layers have weights, and how many weights."""
    return [
        {
            "value": name,
            "layers": sum(bool(layer.count_params()) for layer in model.layers),
            "weights": int(model.count_params()),
        }
        for name, model in _built().items()
    ]


def page() -> str:
    """Return the layers of every network as Markdown."""
    from robust_digits.learn.networks import NETWORKS  # noqa: PLC0415 (TensorFlow takes seconds)

    parts = [_HEAD]
    for name, model in _built().items():
        said = " ".join((NETWORKS[name].__doc__ or "").partition("\n\n")[0].split()).removeprefix("Return ")  # type: ignore[index]
        table = markdown.table(("layer", "gives", "weights"), map(_cells, model.layers))
        parts.append(f"## {name}\n\n{said[0].upper()}{said[1:]}\n\n{table}\n{model.count_params():,} weights.\n")
    return "\n".join(parts)


def _cells(layer: Any) -> list[str]:  # noqa: ANN401 (a Keras layer, whose type takes seconds)
    gives = "x".join(map(str, layer.output.shape[1:]))
    return [type(layer).__name__, gives, f"{layer.count_params():,}"]


def _built() -> dict[str, Any]:
    from robust_digits.learn import networks  # noqa: PLC0415 (TensorFlow takes seconds)

    return {name: networks.build(name, shape=SHAPE, classes=CLASSES) for name in networks.NETWORKS}


@guarded
def main() -> None:
    """Read the command line, and write both files."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.study.networks", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder to write into, docs")
    folder = parser.parse_args().folder
    from robust_digits import runtime  # noqa: PLC0415 (TensorFlow takes seconds)

    runtime.start(seed=0, threads=2)
    tables.write(folder / "networks.csv", rows(), columns=("value", "layers", "weights"))
    files.write(folder / "networks.md", page())
    print(f"{folder / 'networks.csv'}, {folder / 'networks.md'}")


if __name__ == "__main__":
    main()
