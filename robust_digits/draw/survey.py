"""Draw how models do under every attack of the table."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from robust_digits.draw import parts
from robust_digits.judge.views import label

Row = Mapping[str, str]


def surveyed(path: Path, rows: Sequence[Row]) -> None:
    """Draw for each `attack` and `model` the share of images that is right `within` eps, and right `at_all`.

    The two differ for an attack that looks for the smallest perturbation, whatever eps: it is hollow what stands
    against any size. Where models were asked with other `images` or another `eps`, the legend says which.
    """
    attacks = list(dict.fromkeys(row["attack"] for row in rows))
    models = {row["model"]: f"the first {row['images']} test images, eps {row['eps']}" for row in rows}
    alike = len(set(models.values())) == 1
    figure = Figure(figsize=(8, 1.6 + 0.36 * len(attacks)), layout="constrained")
    axes = figure.subplots()
    for number, (model, asked) in enumerate(models.items()):
        mine = {row["attack"]: row for row in rows if row["model"] == model}
        places = [attacks.index(attack) + 0.22 * (number - (len(models) - 1) / 2) for attack in mine]
        within, at_all = (np.array([100 * float(row[key]) for row in mine.values()]) for key in ("within", "at_all"))
        axes.hlines(places, at_all, within, color=f"C{number}", lw=1)
        axes.plot(at_all, places, "o", color=f"C{number}", mfc="white", ms=5)
        axes.plot(within, places, "o", color=f"C{number}", ms=5, label=model if alike else f"{model}: {asked}")
    axes.plot([], [], "o", color="grey", mfc="white", label="whatever the size of the perturbation")
    axes.set_yticks(range(len(attacks)), [label(attack) for attack in attacks])
    axes.invert_yaxis()
    axes.set_xlim(-3, 103)
    axes.set_title(f"Every attack{f': {next(iter(models.values()))}' if alike else ''}", fontsize=11)
    axes.set_xlabel(f"right, % (one image is {_shares(rows)}); filled: within eps")
    axes.grid(color="#e4e7ea", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(ncols=4 if alike else 1, loc="outside upper center", frameon=False, fontsize=9, columnspacing=1.2)
    parts.save(figure, path)


def _shares(rows: Sequence[Row]) -> str:
    """Return how many percent one image is, at least and at most."""
    shares = dict.fromkeys(f"{100 / images:.2g}%" for images in sorted({int(row["images"]) for row in rows}))
    return " or ".join(shares)
