"""A network of Keras as files that PyTorch can be given: benchmarks/in_torch.py reads them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robust_digits.data.images import ImageSet
from robust_digits.runtime import keras


def write(
    folder: Path, model: keras.Model, whole: ImageSet, logits: NDArray[np.float32], *, told: Mapping[str, Any]
) -> None:
    """Write the network as a list of layers, its weights in PyTorch's order, and the images with their logits.

    `told` goes beside the layers: what the attacks are to know.
    """
    layers: list[dict[str, Any]] = []
    weights: dict[str, Any] = {}
    for number, layer in enumerate(layer for layer in model.layers if type(layer).__name__ != "InputLayer"):
        config, own = layer.get_config(), [np.asarray(each) for each in layer.get_weights()]
        kind = type(layer).__name__
        if kind == "Conv2D":
            own[0] = own[0].transpose(3, 2, 0, 1)
        elif kind == "Dense":
            own[0] = own[0].T
        size = config.get("kernel_size", config.get("pool_size"))
        layers.append(
            {
                "kind": kind,
                "weights": len(own),
                "activation": config.get("activation") or "linear",
                "size": size,
                "strides": config.get("strides"),
                "padding": config.get("padding"),
                "epsilon": config.get("epsilon"),
                "scale": config.get("scale"),
                "offset": config.get("offset"),
                "slope": config.get("negative_slope"),
            }
        )
        weights |= {f"{number}.{i}": np.ascontiguousarray(each) for i, each in enumerate(own)}
    (folder / "network.json").write_text(json.dumps({"layers": layers, **told}))
    np.savez(folder / "weights.npz", **weights)
    np.savez(folder / "images.npz", images=whole.images, labels=whole.labels, logits=logits)
