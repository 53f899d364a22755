"""Turn the raw files into training, validation and test images: float32 in [0, 1], all of one size."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from robust_digits.command import run
from robust_digits.params import Section, Seed, Share, Side, Source

Copies = Annotated[int, Field(ge=0, le=1000)]


class Data(Section, others=("sha256",)):
    """How to read and split: shares of all images (`test`, where the publisher made none) and of the rest.

    To each training image come `label_noise` copies with a label drawn at random.
    """

    source: Source
    image_size: Side
    test: Share
    validation: Share
    label_noise: Copies


class Params(Section):
    """What this stage reads from params.yaml."""

    seed: Seed
    data: Data


def main(
    params: Params,
    raw: Annotated[Path, "input: the folder with the files as published"],
    normalized: Annotated[Path, "output: a folder with the images, train, validation and test"],
) -> None:
    from robust_digits.data import catalogue, formats, images, resizing, splitting

    digits = params.data.source == catalogue.DIGITS
    size = params.data.image_size
    published = formats.read_digits(raw / catalogue.DIGITS_FILE) if digits else formats.read(raw, size=size)
    train, test = published.train, published.test
    if test is None:
        train, test = splitting.hold_out(train, share=params.data.test, seed=params.seed, name="data.test")
    classes = splitting.check_classes(train.labels, test.labels, where=raw)
    train, validation = splitting.hold_out(
        train, share=params.data.validation, seed=params.seed, name="data.validation"
    )
    copies = params.data.label_noise
    for name, part, noise in (("train", train, copies), ("validation", validation, 0), ("test", test, 0)):
        resized = resizing.resize(part, size=size)
        parts = splitting.noisy_copies(resized, copies=noise, seed=params.seed)
        images.save(normalized / name, parts, count=(1 + noise) * len(part))
    sizes = {(part.images.shape[2], part.images.shape[1]) for part in (train, test)}
    for note in (*published.notes, *resizing.said(sizes, size=size)):
        print(note)
    if copies:
        print(f"data.label_noise: {copies} copies of each training image have a label drawn at random")
    print(
        f"{classes} classes, {size}x{size} pixels: "
        f"{len(train)} training, {len(validation)} validation, {len(test)} test images -> {normalized}"
    )


if __name__ == "__main__":
    run(main)
