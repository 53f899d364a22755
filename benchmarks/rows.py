"""The table of what is measured: rows, their contenders, and what a row must show.

The first contender of a row is this project. `call` names the module of benchmarks/contenders and its function.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

PLAIN, PEERS = "plain", "peers"  # the environment of the project, and that of its peers


@dataclass(frozen=True)
class Contender:
    """Who does the work: its name for people, the function that does it, what that is told, and where it runs."""

    label: str
    call: str
    told: tuple[str, ...] = ()
    environment: str = PLAIN


@dataclass(frozen=True)
class Target:
    """A row's promise: the time of `peer` over that of the first contender is at least, or at most, so many times.

    Where `figure` names a part of this project's work and a figure of it, that is held: against the whole time of the
    peer, or by itself where there is no peer; of the part "*", the largest ratio of any part to the same part of this
    project. `what` says it for people. `reason` is why the target is missed where it is, as far as that is known.
    """

    peer: str
    times: float
    at_most: bool = False
    figure: str = ""
    what: str = ""  # the peer
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """What is measured in one table: contenders, sizes (in full, and for a quick look), and promises.

    A figure is the seconds of one unit of work, or where it is a `rate`, how many of them a second. `arrays` are made
    where the contenders work on the same images and network.
    """

    title: str
    unit: str
    contenders: Mapping[str, Contender]
    sizes: Mapping[str, float]
    quick: Mapping[str, float]
    rate: bool = False
    arrays: bool = True
    rounds: int = 5
    targets: tuple[Target, ...] = field(default=())


def _attack(name: str) -> dict[str, Contender]:
    return {
        "ours": Contender("robust-digits", f"ours:{name}"),
        "art": Contender("ART, its defaults", f"art_peer:{name}", ("32",)),
        "art_best": Contender("ART, best batch size", f"art_peer:{name}"),
        "cleverhans": Contender("CleverHans, TensorFlow", f"cleverhans_peer:{name}"),
        "cleverhans_torch": Contender("CleverHans, PyTorch", f"torch_peers:cleverhans_{name}", environment=PEERS),
        "foolbox": Contender("Foolbox", f"torch_peers:foolbox_{name}", environment=PEERS),
        "torchattacks": Contender("torchattacks", f"torch_peers:torchattacks_{name}", environment=PEERS),
    }


_STAGES = "stages:measured"
# Why targets are missed, as far as it was looked into. A figure belongs into results.json: these say why, and no more.
_HELD = (
    "peers use every instruction that the processor has, and batches of any size; here oneDNN is held to AVX2, and "
    "blocks to 128 images, so that results depend less on the processor, and not on other images"
)
_SAME = "nearly all of a step are the same operations of the same library, and here they are held to AVX2"
_STARTS = "each stage that trains or attacks is a process that loads TensorFlow, which the script does once"

ROWS = {
    "fgm": Row(
        "Fast Gradient Method",
        "images per second",
        _attack("fgm"),
        sizes={"images": 10_000, "eps": 0.2},
        quick={"images": 512, "eps": 0.2},
        rate=True,
        targets=(
            Target("art", 8, reason=_HELD),
            Target("art_best", 2.5, reason=_HELD),
            Target("cleverhans", 1.3, reason=_HELD),
            Target("cleverhans_torch", 1.3, reason=_HELD),
            Target("foolbox", 1.5),
            Target("torchattacks", 1.5, reason=_HELD),
        ),
    ),
    "training": Row(
        "Training",
        "seconds per epoch",
        {
            "ours": Contender("robust-digits", "ours:epochs"),
            "fit": Contender("Keras fit", "keras_peer:epochs"),
            "torch": Contender("PyTorch", "torch_peers:epochs", environment=PEERS),
        },
        sizes={"images": 20_000, "epochs": 3, "validation": 2048},
        quick={"images": 512, "epochs": 1, "validation": 128},
        targets=(Target("fit", 2, reason=_SAME), Target("torch", 2.5, reason="here oneDNN is held to AVX2")),
    ),
    "pgd": Row(
        "PGD, 40 steps",
        "images per second",
        _attack("pgd"),
        sizes={"images": 1024, "eps": 0.002, "steps": 40},
        quick={"images": 128, "eps": 0.002, "steps": 40},
        rate=True,
        targets=(
            Target("art_best", 2.5, reason=_HELD),
            Target("foolbox", 2.5),
            Target("torchattacks", 4, reason=_HELD),
        ),
    ),
    "square": Row(
        "Square",
        "images per second",
        {
            "ours": Contender("robust-digits", "ours:square"),
            "art": Contender("ART", "art_peer:square"),
            "torchattacks": Contender("torchattacks", "torch_peers:torchattacks_square", environment=PEERS),
        },
        sizes={"images": 512, "eps": 0.02, "queries": 200},
        quick={"images": 128, "eps": 0.02, "queries": 20},
        rate=True,
    ),
    "workers": Row(
        "PGD, 40 steps, by workers of one thread",
        "images per second",
        {
            "ours": Contender("two workers", "workers:pgd", ("2",)),
            "one": Contender("one worker", "workers:pgd", ("1",)),
        },
        sizes={"images": 1024, "eps": 0.002, "steps": 40},
        quick={"images": 256, "eps": 0.002, "steps": 40},
        rate=True,
        targets=(Target("one", 1.6, what="one worker"),),
    ),
    "limit": Row(
        "Matrix products",
        "seconds per 10^9 operations",
        {"ours": Contender("TensorFlow, float32", "limit:products")},
        sizes={"images": 128, "side": 2048},
        quick={"images": 128, "side": 512},
    ),
    "stages": Row(
        "Stages",
        "seconds",
        {"ours": Contender("robust-digits", _STAGES, ("1", "mnist"))},
        sizes={"epochs": 10, "train": 60_000, "test": 10_000},
        quick={"epochs": 1, "train": 400, "test": 100},
        arrays=False,
        rounds=1,
    ),
    "tutorial": Row(
        "The tutorial",
        "seconds",
        {
            "ours": Contender("dvc repro, nothing made yet", "pipeline:cold"),
            "script": Contender("the tutorial as one script", "pipeline:script"),
        },
        sizes={"epochs": 10, "train": 60_000, "test": 10_000},
        quick={"epochs": 1, "train": 400, "test": 100},
        arrays=False,
        rounds=3,
        targets=(
            Target("script", 1.0, reason=_STARTS),
            Target("script", 1 / 0.6, figure="craft.eps seconds", what="a change of craft.eps", reason=_STARTS),
            Target("", 3.0, at_most=True, figure="nothing cpu", what="CPU seconds, nothing changed"),
        ),
    ),
    "memory": Row(
        "Peak memory",
        "seconds",
        {f"{times}x": Contender(f"{times} times MNIST", _STAGES, (str(times), "once")) for times in (1, 4, 16)},
        sizes={"epochs": 1, "train": 60_000, "test": 10_000},
        quick={"epochs": 1, "train": 400, "test": 100},
        arrays=False,
        rounds=1,
        targets=(Target("16x", 1.5, at_most=True, figure="* megabytes", what="at 16x, the stage that grows most"),),
    ),
}
