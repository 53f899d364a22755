"""The peers that run on PyTorch: a plain training, CleverHans, Foolbox and torchattacks."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks import answer, torch_network
from benchmarks.answer import Answer
from benchmarks.inputs import BATCH, CLASSES, RATE, REACH, SEED, THREADS, VALIDATION_BATCH, Inputs

Attack = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def epochs(given: Inputs) -> Answer:
    """Train the same network for some epochs, with a validation after each."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    images, labels = _tensors(given)
    model = _untrained(given)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=RATE, alpha=0.9, eps=1e-8)
    count, first, said = given.sizes["epochs"], given.sizes["validation"], {}

    def work() -> None:
        for _ in range(count):
            said["loss"] = round(_epoch(model, optimizer, images, labels), 4)
            _validate(model, images[:first], labels[:first])

    return Answer(answer.timed(work), count, said=said, versions=answer.versions("torch", "numpy"))


def _untrained(given: Inputs) -> nn.Module:
    """Return the network with the weights that all begin with; PyTorch flattens channel by channel."""
    channels, side, width = 32, 13, 128
    model = nn.Sequential(
        *(nn.Conv2d(1, channels, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(channels * side**2, width), nn.ReLU(), nn.Dropout(0.25), nn.Linear(width, CLASSES)),
    )
    with np.load(given.folder / "weights.npz", allow_pickle=False) as arrays:
        own = [torch.from_numpy(arrays[name]) for name in arrays.files]
    own[2] = own[2].reshape(width, side, side, channels).permute(0, 3, 1, 2).flatten(1)
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), own, strict=True):
            parameter.copy_(value)
    return _checked(model, given)


def _epoch(model: nn.Module, optimizer: Any, images: torch.Tensor, labels: torch.Tensor) -> float:  # noqa: ANN401
    model.train()
    loss, total, right = nn.CrossEntropyLoss(), 0.0, 0
    for rows in torch.randperm(len(labels)).split(BATCH):
        optimizer.zero_grad()
        logits = model(images[rows])
        value = loss(logits, labels[rows])
        value.backward()
        optimizer.step()
        right += int((logits.argmax(1) == labels[rows]).sum())  # the accuracy, as Keras' fit and this project count it
        total += float(value.detach()) * len(rows)
    return total / len(labels)


def _validate(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    model.eval()
    loss = nn.CrossEntropyLoss()
    parts = zip(images.split(VALIDATION_BATCH), labels.split(VALIDATION_BATCH), strict=True)
    with torch.no_grad():
        for part, truth in parts:
            logits = model(part)
            _ = float(loss(logits, truth)), float((logits.argmax(1) == truth).sum())


def cleverhans_fgm(given: Inputs) -> Answer:
    """Craft with CleverHans' Fast Gradient Method."""
    from cleverhans.torch.attacks.fast_gradient_method import fast_gradient_method  # noqa: PLC0415 (one peer a process)

    model, eps = _model(given), given.sizes["eps"]
    told = {"clip_min": 0.0, "clip_max": 1.0}
    return _attacked(given, model, lambda x, y: fast_gradient_method(model, x, eps, np.inf, y=y, **told), "cleverhans")


def cleverhans_pgd(given: Inputs) -> Answer:
    """Projected gradient descent of CleverHans, from a random start."""
    from cleverhans.torch.attacks.projected_gradient_descent import projected_gradient_descent  # noqa: PLC0415

    model, (eps, move, steps) = _model(given), _ball(given)
    told = {"clip_min": 0.0, "clip_max": 1.0, "sanity_checks": False}

    def attack(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = projected_gradient_descent(model, x, eps, move, steps, np.inf, y=y, **told)
        return found

    return _attacked(given, model, attack, "cleverhans")


def foolbox_fgm(given: Inputs) -> Answer:
    """Craft with Foolbox' Fast Gradient Method."""
    from foolbox.attacks import FGSM  # noqa: PLC0415 (one peer a process)

    return _foolbox(given, FGSM())


def foolbox_pgd(given: Inputs) -> Answer:
    """Projected gradient descent of Foolbox, from a random start."""
    from foolbox.attacks import LinfPGD  # noqa: PLC0415 (one peer a process)

    _, move, steps = _ball(given)
    return _foolbox(given, LinfPGD(abs_stepsize=move, steps=steps, random_start=True))


def torchattacks_fgm(given: Inputs) -> Answer:
    """Craft with torchattacks' Fast Gradient Method."""
    import torchattacks  # noqa: PLC0415 (one peer a process)

    model = _model(given)
    return _torchattacks(given, model, torchattacks.FGSM(model, eps=given.sizes["eps"]))


def torchattacks_pgd(given: Inputs) -> Answer:
    """Projected gradient descent of torchattacks, from a random start."""
    import torchattacks  # noqa: PLC0415 (one peer a process)

    model, (eps, move, steps) = _model(given), _ball(given)
    return _torchattacks(given, model, torchattacks.PGD(model, eps=eps, alpha=move, steps=steps))


def torchattacks_square(given: Inputs) -> Answer:
    """Search with torchattacks' squares, whose sizes halve as they do for 5000 queries."""
    import torchattacks  # noqa: PLC0415 (one peer a process)

    model, sizes = _model(given), given.sizes
    told = {"eps": sizes["eps"], "n_queries": sizes["queries"], "resc_schedule": False, "seed": SEED}
    return _torchattacks(given, model, torchattacks.Square(model, **told))


def _torchattacks(given: Inputs, model: nn.Module, attack: Any) -> Answer:  # noqa: ANN401 (it ships no types)
    attack.set_device("cpu")  # which it reads off the parameters of a model, and this one has none
    return _attacked(given, model, attack, "torchattacks")


def _foolbox(given: Inputs, attack: Any) -> Answer:  # noqa: ANN401 (Foolbox ships no types)
    from foolbox import PyTorchModel  # noqa: PLC0415 (one peer a process)

    model = _model(given)
    told = PyTorchModel(model, bounds=(0, 1))
    return _attacked(given, model, lambda x, y: attack(told, x, y, epsilons=given.sizes["eps"])[1], "foolbox")


def _attacked(given: Inputs, model: nn.Module, attack: Attack, package: str) -> Answer:
    images, labels = _tensors(given)
    found: list[torch.Tensor] = []

    def work(size: int) -> None:
        parts = zip(images.split(size), labels.split(size), strict=True)
        found[:] = [torch.cat([attack(part.contiguous(), truth).detach() for part, truth in parts])]

    seconds, size = answer.best(work, given.batches)
    with torch.no_grad():
        right = torch.cat([model(part).argmax(1) for part in found[0].split(VALIDATION_BATCH)]) == labels
    said: dict[str, float | str] = {"stands": round(float(right.float().mean()), 4), "batch": size}
    return Answer(seconds, len(labels), said=said, versions=answer.versions(package, "torch", "numpy"))


def _ball(given: Inputs) -> tuple[float, float, int]:
    """Return the radius, the length of a step and the number of steps of PGD."""
    eps, steps = given.sizes["eps"], given.sizes["steps"]
    return eps, REACH * eps / steps, steps


def _model(given: Inputs) -> nn.Module:
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    layers = json.loads((given.folder / "network.json").read_text(encoding="utf-8"))["layers"]
    return _checked(torch_network.network(layers, np.load(given.folder / "weights.npz", allow_pickle=False)), given)


def _checked(model: nn.Module, given: Inputs) -> nn.Module:
    """Return a network that was found to answer as all others do."""
    with np.load(given.folder / "images.npz", allow_pickle=False) as arrays:
        logits = arrays["logits"][:BATCH]
    torch_network.off(model.eval(), _tensors(given)[0][:BATCH], logits)
    return model


def _tensors(given: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images as (n, channels, height, width), and their labels."""
    images = torch.from_numpy(given.images).permute(0, 3, 1, 2).contiguous()
    return images, torch.from_numpy(given.labels)
