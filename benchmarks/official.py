"""Run the official AutoAttack on an exported network: for an environment of its own, with PyTorch and nothing of ours.

`python benchmarks/official.py CHECKOUT EXPORTED FOUND` reads what benchmarks/autoattack.py exported, and writes which
images stand after each attack, and the seconds.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

Layer = Mapping[str, Any]


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


def main(checkout: Path, exported: Path, found: Path) -> None:
    """Attack the network of the folder `exported`, and write what stands to `found`."""
    sys.path.insert(0, str(checkout))
    from autoattack import AutoAttack  # noqa: PLC0415 (out of the checkout)

    told = json.loads((exported / "network.json").read_text())
    torch.set_num_threads(told["threads"])
    arrays = np.load(exported / "images.npz")
    model = network(told["layers"], np.load(exported / "weights.npz"))
    images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(arrays["labels"])
    with torch.no_grad():
        logits = torch.cat([model(each) for each in images.split(256)])
    off = float(np.abs(logits.numpy() - arrays["logits"]).max())
    attack = AutoAttack(model, norm={"inf": "Linf", "2": "L2"}[told["norm"]], eps=told["eps"], device="cpu", seed=0)
    standing = {"clean": (logits.argmax(1) == labels).numpy()}
    seconds, at = {}, images
    for name in ("apgd-ce", "apgd-t", "fab-t", "square"):
        attack.attacks_to_run = [name]
        left = torch.from_numpy(np.flatnonzero(list(standing.values())[-1]))
        start = time.perf_counter()
        if len(left):
            at = attack.run_standard_evaluation(images[left], labels[left], bs=256)
            with torch.no_grad():
                right = torch.cat([model(each) for each in at.split(256)]).argmax(1) == labels[left]
            after = standing["clean"] & False
            after[left.numpy()[right.numpy()]] = True
            standing[name] = after
        seconds[name] = time.perf_counter() - start
    versions = {"torch": torch.__version__, "off": off}
    np.savez(found, seconds=json.dumps(seconds), versions=json.dumps(versions), **standing)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
