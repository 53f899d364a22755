"""Every stage by itself, without DVC: seconds inside training and attacks, seconds around them, and memory."""

import json
from typing import Any

from benchmarks import answer
from benchmarks.answer import Answer
from benchmarks.contenders import project
from benchmarks.inputs import Inputs

HARDENING = {  # the Makefile's recipe `quick`
    "harden.method": "trades",
    "harden.architecture": "binarized",
    "harden.eps": 0.33,
    "harden.steps": 5,
    "harden.batch_size": 128,
    "harden.learning_rate": 0.004,
    "harden.weight": 6.0,
    "harden.width": 24,
    "harden.allow_collapse": True,
}
_LIGHT: dict[str, Any] = {  # memory does not depend on how often an attack steps
    "evaluate.attacks": {"grey": {}, "fgm": {}, "apgd_square": {"steps": 2, "targets": 1, "queries": 3}},
    "evaluate.curve.samples": 100,
}


def measured(given: Inputs, times: str, effort: str) -> Answer:
    """Run stage after stage on MNIST so many times over; `effort` is "mnist", or "once" for a light evaluation."""
    with project.copy(given, times=int(times)) as copied:
        copied.set({**HARDENING, "harden.epochs": given.sizes["epochs"]})
        if effort == "once":
            copied.set(_LIGHT)
        inside = copied.folder / "inside.json"
        parts = {}
        for name, words in project.commands(copied.folder).items():
            inside.unlink(missing_ok=True)
            cost = copied.run("-m", "benchmarks.contenders.inside", str(inside), *words[1:])
            within = json.loads(inside.read_text(encoding="utf-8"))
            around = cost.seconds - within["work"] - within["imports"]
            parts[name] = project.figures(cost) | within | {"around": around}
    total = sum(part["seconds"] for part in parts.values())
    return Answer(total, parts=parts, versions=answer.versions("tensorflow", "keras", "numpy"))
