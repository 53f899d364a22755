"""Fetch the data set as published, and check its SHA-256."""

from pathlib import Path
from typing import Annotated

from robust_digits.command import run
from robust_digits.data import sources
from robust_digits.errors import listed
from robust_digits.params import Section, Sha256, Source


class Data(Section, others=("image_size", "label_noise", "test", "validation")):
    """Where the data come from; `sha256` of the one file of a path or URL."""

    source: Source
    sha256: Sha256 | None


class Params(Section):
    """What this stage reads from params.yaml."""

    data: Data


def main(params: Params, raw: Annotated[Path, "output: a folder with the files as published"]) -> None:
    sources.fetch(params.data.source, raw, sha256=params.data.sha256)
    print(f"{params.data.source}: {listed(sorted(file.name for file in raw.iterdir()))} -> {raw}")


if __name__ == "__main__":
    run(main)
