"""Draw how models learned: what their histories tell of each epoch."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from robust_digits.draw import parts

History = Sequence[Mapping[str, str]]
_UNDER_PGD = "validation_pgd"  # what the history of a hardened model tells beside
_MEASURES = {"validation_cross_entropy": "cross-entropy", "validation_mse": "squared error"}


def learning(path: Path, histories: Mapping[str, History]) -> None:
    """Draw loss and accuracy over the epochs, training and validation, and that under PGD where told."""
    figure = Figure(figsize=(4.6 * len(histories), 6.0), layout="constrained")
    grid = figure.subplots(2, len(histories), squeeze=False, sharey="row")
    for column, (model, history) in enumerate(histories.items()):
        epochs = [int(epoch["epoch"]) for epoch in history]
        hardened = _UNDER_PGD in history[0]
        grid[0, column].set_title(f"{model}\ntrained on the {_minimized(history)}", fontsize=11)
        grid[1, column].set_xlabel("epoch")
        for axes, key in zip(grid[:, column], ("loss", "accuracy"), strict=True):
            lines = {f"training{', as it hardens' if hardened else ''}": key}
            clean = f", clean{' cross-entropy' if key == 'loss' else ''}" if hardened else ""
            lines[f"validation{clean}"] = f"validation_{key}"
            if hardened and key == "accuracy":
                lines["validation, under PGD"] = _UNDER_PGD
            for name, told in lines.items():
                axes.plot(epochs, [float(epoch[told]) for epoch in history], label=name)
            axes.legend(frameon=False, fontsize=9)
            axes.spines[["top", "right"]].set_visible(False)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
            if column == 0:
                axes.set_ylabel(key)
    parts.save(figure, path)


def logarithmic(path: Path, history: History, *, model: str) -> None:
    """Draw all that a history tells over the epochs in one figure of two logarithmic axes: losses and accuracies."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    minimized = _minimized(history)
    lines = {
        "loss": (f"{minimized}, training", "C0", "-"),
        "validation_cross_entropy": ("cross-entropy, validation", "C0", "--"),
        "validation_mse": ("squared error, validation", "C3", "--"),
        "accuracy": ("accuracy, training", "C2", "-"),
        "validation_accuracy": ("accuracy, validation", "C2", "--"),
    }
    epochs = [int(epoch["epoch"]) for epoch in history]
    for key, (name, colour, style) in lines.items():
        axes.loglog(epochs, [float(epoch[key]) for epoch in history], color=colour, ls=style, label=name)
    axes.set_title(f"{model}, trained on the {minimized}", fontsize=11)
    axes.set_xlabel("epoch")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    axes.grid(color="#e4e7ea", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    parts.save(figure, path)


def _minimized(history: History) -> str:
    """Return the name of the loss that was minimized: validation tells it, and beside it two that are always told."""
    if _UNDER_PGD in history[0]:
        return "loss of its hardening"
    for column, name in _MEASURES.items():
        if all(epoch["validation_loss"] == epoch.get(column) for epoch in history):
            return name
    return "loss that was chosen"
