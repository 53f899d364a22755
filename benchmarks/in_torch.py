"""An exported network in PyTorch, and AutoAttack on it: for an environment of its own, with nothing of ours.

`python benchmarks/in_torch.py IMPLEMENTATION EXPORTED FOUND` reads what benchmarks/autoattack.py exported, and writes
which images stand after each attack, and the seconds. IMPLEMENTATION is a checkout of the official one, or the word
`torchattacks`.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

MEMBERS = "apgd-ce", "apgd-t", "fab-t", "square"
BATCH = 256

Layer = Mapping[str, Any]
Ball = Mapping[str, Any]  # norm, eps, seed
Attack = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def network(layers: list[Layer], weights: Any) -> torch.nn.Module:  # noqa: ANN401 (an open .npz)
    """Return a function of the exported network's logits, of images (n, channels, height, width)."""
    held = {name: torch.from_numpy(weights[name]) for name in weights.files}
    cores = torch.nn.Module()
    cores.forward = lambda images: _run(layers, held, images)
    return cores


def _run(layers: list[Layer], held: Mapping[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    at = images
    for number, layer in enumerate(layers):
        kind, own = layer["kind"], [held[f"{number}.{i}"] for i in range(layer["weights"])]
        at = _LAYERS[kind](at, own, layer)
        if layer.get("activation", "linear") != "linear":
            at = getattr(functional, layer["activation"])(at)
    return at


def _padded(at: torch.Tensor, layer: Layer, fill: float) -> torch.Tensor:
    if layer["padding"] == "valid":
        return at
    sides = []
    for length, size, stride in zip(at.shape[:1:-1], layer["size"][::-1], layer["strides"][::-1], strict=True):
        missing = max((-(-length // stride) - 1) * stride + size - length, 0)
        sides += [missing // 2, missing - missing // 2]
    return functional.pad(at, sides, value=fill)


def _convolution(at: torch.Tensor, own: list[torch.Tensor], layer: Layer) -> torch.Tensor:
    return functional.conv2d(_padded(at, layer, 0.0), *own, stride=layer["strides"])


def _pooling(at: torch.Tensor, _: list[torch.Tensor], layer: Layer) -> torch.Tensor:
    return functional.max_pool2d(_padded(at, layer, float("-inf")), layer["size"], layer["strides"])


def _normalization(at: torch.Tensor, own: list[torch.Tensor], layer: Layer) -> torch.Tensor:
    gamma, beta, mean, variance = own
    return functional.batch_norm(at, mean, variance, gamma, beta, eps=layer["epsilon"])


_LAYERS: dict[str, Callable[..., torch.Tensor]] = {
    "Conv2D": _convolution,
    "MaxPooling2D": _pooling,
    "BatchNormalization": _normalization,
    "Dense": lambda at, own, _: functional.linear(at, *own),
    "Flatten": lambda at, *_: at.permute(0, 2, 3, 1).flatten(1) if at.ndim == 4 else at,  # noqa: PLR2004 (images)
    "Rescaling": lambda at, _, layer: at * layer["scale"] + layer["offset"],
    "LeakyReLU": lambda at, _, layer: functional.leaky_relu(at, layer["slope"]),
    "ReLU": lambda at, *_: functional.relu(at),
    "Dropout": lambda at, *_: at,
}


def main(implementation: str, exported: Path, found: Path) -> None:
    """Attack the network of the folder `exported`, and write what stands to `found`."""
    told = json.loads((exported / "network.json").read_text())
    torch.set_num_threads(told["threads"])
    arrays = np.load(exported / "images.npz")
    model = network(told["layers"], np.load(exported / "weights.npz"))
    images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(arrays["labels"])
    logits = _logits(model, images)
    off = float(np.abs(logits.numpy() - arrays["logits"]).max())
    norm, classes = {"inf": "Linf", "2": "L2"}[told["norm"]], logits.shape[1]
    ball = {"norm": norm, "eps": told["eps"], "seed": told["seed"]}
    members = (
        _torchattacks(model, classes, ball)
        if implementation == "torchattacks"
        else _official(implementation, model, ball)
    )
    standing, seconds = {"clean": (logits.argmax(1) == labels).numpy()}, {}
    for name, attack in members.items():
        left = torch.from_numpy(np.flatnonzero(list(standing.values())[-1]))
        start = time.perf_counter()
        after = np.zeros_like(standing["clean"])
        if len(left):
            right = _logits(model, attack(images[left], labels[left])).argmax(1) == labels[left]
            after[left.numpy()[right.numpy()]] = True
        standing[name] = after
        seconds[name] = time.perf_counter() - start
    packages = ("torch", "torchattacks") if implementation == "torchattacks" else ("torch",)
    versions = {name: version(name) for name in packages}
    said = {"off": off, "seconds": seconds, "versions": versions}
    np.savez(found, said=json.dumps(said), **standing)


def _logits(model: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(each) for each in images.split(BATCH)])


def _official(checkout: str, model: torch.nn.Module, ball: Ball) -> dict[str, Attack]:
    """Return the members of the version `standard`."""
    sys.path.insert(0, checkout)
    from autoattack import AutoAttack  # noqa: PLC0415 (out of the checkout)

    whole = AutoAttack(model, device="cpu", **ball)

    def member(name: str) -> Attack:
        def attack(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            whole.attacks_to_run = [name]
            found: torch.Tensor = whole.run_standard_evaluation(images, labels, bs=BATCH)
            return found

        return attack

    return {name: member(name) for name in MEMBERS}


def _torchattacks(model: torch.nn.Module, classes: int, ball: Ball) -> dict[str, Attack]:
    """Return the members of its AutoAttack, by the steps of the version `standard`: left alone it takes ten of each."""
    import torchattacks  # noqa: PLC0415 (one peer a process)

    attacks = (
        torchattacks.APGD(model, loss="ce", steps=100, **ball),
        torchattacks.APGDT(model, n_classes=classes, steps=100, **ball),
        torchattacks.FAB(model, multi_targeted=True, n_classes=classes, steps=100, **ball),
        torchattacks.Square(model, n_queries=5000, **ball),
    )

    def batched(attack: Any) -> Attack:  # noqa: ANN401 (it ships no types)
        attack.set_device("cpu")  # which it reads off the parameters of a model, and this one has none
        return lambda images, labels: torch.cat(
            [attack(*each) for each in zip(images.split(BATCH), labels.split(BATCH), strict=True)]
        )

    return dict(zip(MEMBERS, map(batched, attacks), strict=True))


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
