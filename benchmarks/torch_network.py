"""A network that benchmarks/export.py wrote, in PyTorch: for an environment of its own, with nothing of ours."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional

BATCH = 256
CLOSE = 1e-3  # what logits may differ by, if it is the same network

Layer = Mapping[str, Any]


def network(layers: list[Layer], weights: Any) -> torch.nn.Module:  # noqa: ANN401 (an open .npz)
    """Return a function of the exported network's logits, of images (n, channels, height, width)."""
    unknown = sorted({layer["kind"] for layer in layers} - _LAYERS.keys())
    if unknown:
        sys.exit(f"expected layers out of {', '.join(_LAYERS)}, got {', '.join(unknown)}: benchmarks/torch_network.py")
    held = {name: torch.from_numpy(weights[name]) for name in weights.files}
    model = torch.nn.Module()
    model.forward = lambda images: _run(layers, held, images)
    return model


def off(model: torch.nn.Module, images: torch.Tensor, logits: Any) -> float:  # noqa: ANN401 (an array of numpy)
    """Return by how much the logits of a network, (n, classes), differ at most from those of the exported one."""
    with torch.no_grad():
        found = torch.cat([model(part) for part in images.split(BATCH)])
    most = float((found - torch.from_numpy(logits)).abs().max())
    if most > CLOSE:
        sys.exit(f"logits in PyTorch are {most:.3g} off, and {CLOSE:g} at most are the same network")
    return most


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
    "Activation": lambda at, *_: at,  # what every layer may end in is applied to all
    "Dropout": lambda at, *_: at,
}
