"""AutoAttack of others on an exported network: for an environment of its own, with nothing of ours.

`python -m benchmarks.in_torch IMPLEMENTATION EXPORTED FOUND` reads what benchmarks/autoattack.py exported, and writes
which images stand after each member, bool (n,) each by its name, and as JSON in `said` the seconds of each and the
versions. IMPLEMENTATION is a checkout of the official one, or the word `torchattacks`.
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

from benchmarks.torch_network import BATCH, network, off

MEMBERS = "apgd-ce", "apgd-t", "fab-t", "square"
Settings = Mapping[str, Any]  # norm, eps, seed
Attack = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def main(implementation: str, exported: Path, found: Path) -> None:
    """Attack the network of the folder `exported`, and write what stands to `found`."""
    told = json.loads((exported / "network.json").read_text())
    torch.set_num_threads(told["threads"])
    arrays = np.load(exported / "images.npz", allow_pickle=False)
    model = network(told["layers"], np.load(exported / "weights.npz", allow_pickle=False))
    images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(arrays["labels"])
    far = off(model, images, arrays["logits"])
    logits = _logits(model, images)
    norm, classes = {"inf": "Linf", "2": "L2"}[told["norm"]], logits.shape[1]
    settings = {"norm": norm, "eps": told["eps"], "seed": told["seed"]}
    members = (
        _torchattacks(model, classes, settings)
        if implementation == "torchattacks"
        else _official(implementation, model, settings)
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
    said = {"off": far, "seconds": seconds, "versions": versions}
    np.savez(found, said=json.dumps(said), **standing)


def _logits(model: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(each) for each in images.split(BATCH)])


def _official(checkout: str, model: torch.nn.Module, settings: Settings) -> dict[str, Attack]:
    """Return the members of the version `standard`."""
    sys.path.insert(0, checkout)
    from autoattack import AutoAttack  # noqa: PLC0415 (out of the checkout)

    whole = AutoAttack(model, device="cpu", **settings)

    def member(name: str) -> Attack:
        def attack(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            whole.attacks_to_run = [name]
            found: torch.Tensor = whole.run_standard_evaluation(images, labels, bs=BATCH)
            return found

        return attack

    return {name: member(name) for name in MEMBERS}


def _torchattacks(model: torch.nn.Module, classes: int, settings: Settings) -> dict[str, Attack]:
    """Return the members of its AutoAttack, by the steps of the version `standard`: left alone it takes ten of each."""
    import torchattacks  # noqa: PLC0415 (one peer a process)

    attacks = (
        torchattacks.APGD(model, loss="ce", steps=100, **settings),
        torchattacks.APGDT(model, n_classes=classes, steps=100, **settings),
        torchattacks.FAB(model, multi_targeted=True, n_classes=classes, steps=100, **settings),
        torchattacks.Square(model, n_queries=5000, **settings),
    )

    def batched(attack: Any) -> Attack:  # noqa: ANN401 (it ships no types)
        attack.set_device("cpu")  # which it reads off the parameters of a model, and this one has none
        return lambda images, labels: torch.cat(
            [attack(*each) for each in zip(images.split(BATCH), labels.split(BATCH), strict=True)]
        )

    return dict(zip(MEMBERS, map(batched, attacks), strict=True))


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
