"""How AutoAttack is compared with the official one: what both get, what is counted, and which row it becomes."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import autoattack, export, implementations, records
from robust_digits.attack.suite import Done, Found
from robust_digits.attack.table import ATTACKS, Ensemble
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.runtime import keras

pytestmark = pytest.mark.usefixtures("tensorflow")

MEMBERS = ATTACKS["autoattack"].members


def row(**changes: object) -> dict[str, Any]:
    """Return what makes a row another one, and a figure."""
    return {"model": "hardened", "eps": 0.2, "norm": "inf", "seed": 0, "images": 359, "figure": 1} | changes


def test_rows_of_other_balls_and_seeds_stay(tmp_path: Path) -> None:
    """A row takes the place of the one on the same model in the same ball by the same seed, and of no other."""
    path = tmp_path / "rows.json"
    others = row(eps=0.1), row(seed=1), row(norm=2), row(images=1000), row(model="robust"), row(steps=9)
    given = [row(), *others, row(figure=2)]
    for each in given:
        records.add(path, each)
    assert json.loads(path.read_text(encoding="utf-8")) == given[1:]


def test_pytorch_starts_as_it_would_by_itself(tmp_path: Path) -> None:
    """What holds back the products of this project is not handed on; what cannot be run is said in one line."""
    python, seen = tmp_path / "python", tmp_path / "seen"
    python.write_text(f'#!/bin/sh\nenv > "{seen}"\nexit 3\n', encoding="utf-8")
    python.chmod(0o700)
    with pytest.raises(InputError, match=r"^official: could not be run"):
        implementations.in_torch("official", tmp_path, python)
    names = [line.partition("=")[0] for line in seen.read_text(encoding="utf-8").splitlines()]
    assert "PATH" in names
    assert not [name for name in names if name.startswith("ONEDNN")]


def test_images_stand_until_the_member_that_broke_them() -> None:
    """An image stands after every member before the one that broke it, a wrong one never; all is tried once before."""
    attacked: list[object] = []
    watch = implementations.Stopwatch()

    def attack(name: str, settings: Ensemble, whole: ImageSet, transfer: object) -> Found:
        del transfer
        attacked.append((name, settings, len(whole)))
        block: Any = SimpleNamespace(name="square")
        watch.keep(block, settings, Done(0, whole.images, 1.0))
        return Found(whole.images, np.array([-1, 0, 2, 3, -1]))

    whole = ImageSet(np.zeros((5, 2, 2, 1), np.float32), np.zeros(5, np.int64))
    logits = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    suite: Any = SimpleNamespace(attack=attack)
    found = implementations.ours(suite, watch, whole, logits)
    assert {name: each.sum() for name, each in found.standing.items()} == dict(
        zip(("clean", *MEMBERS), (4, 3, 3, 2, 1), strict=True)
    )
    assert found.left.tolist() == [True, False, False, False, False]
    assert found.of_members == {"square": 1.0}  # without that of the try before it
    tried, measured = attacked
    assert tried == ("autoattack", Ensemble(steps=1, targets=1, queries=1), 5)
    assert measured == ("autoattack", Ensemble(), 5)


def test_blocks_count_for_their_member() -> None:
    """The seconds of a member are those of all its blocks, and no block is taken as done."""
    watch = implementations.Stopwatch()
    for name, seconds in (("square", 1.0), ("square", 2.0), ("fab_t", 4.0)):
        block: Any = SimpleNamespace(name=name)
        assert watch.kept(block, Ensemble()) is None
        watch.keep(block, Ensemble(), Done(0, np.zeros((1, 2, 2, 1), np.float32), seconds))
    assert watch.seconds == {"square": 3.0, "fab_t": 4.0}


def test_operations_are_those_of_the_images_that_stand() -> None:
    """AutoPGD: 100 gradients of one target, and of nine; FAB: nine and an answer more each; Square: 5000 answers."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(10)])
    standing = {name: np.arange(8) < left for name, left in zip(MEMBERS, (7, 5, 4, 2), strict=True)}
    billions = autoattack.operations(model, implementations.Outcome(standing, 1.0, {}))
    answers = 7 * 100 * 2 + 5 * 900 * 2 + 4 * 900 * 3 + 2 * 5000
    assert billions * 1e9 == pytest.approx(2 * 3 * 10 * answers)


def test_a_network_is_written_in_the_order_of_pytorch(tmp_path: Path) -> None:
    """Kernels have what they give first, then what they take; what a layer does is beside them, layer by layer."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4, 5, 2)),
            layers.Conv2D(3, (2, 1), strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(7),
        ]
    )
    whole = ImageSet(np.zeros((1, 4, 5, 2), np.float32), np.zeros(1, np.int64))
    export.write(tmp_path, model, whole, np.zeros((1, 7), np.float32), told={"eps": 0.1})
    told = json.loads((tmp_path / "network.json").read_text(encoding="utf-8"))
    assert told["eps"] == 0.1
    assert [(each["kind"], each["activation"], each["weights"]) for each in told["layers"]] == [
        ("Conv2D", "relu", 2),
        ("Flatten", "linear", 0),
        ("Dense", "linear", 2),
    ]
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as weights:
        assert {name: weights[name].shape for name in weights.files} == {
            "0.0": (3, 2, 2, 1),
            "0.1": (3,),
            "2.0": (7, 18),
            "2.1": (7,),
        }
        kernel, _ = model.layers[0].get_weights()
        np.testing.assert_array_equal(weights["0.0"][1, 0, :, 0], kernel[:, 0, 0, 1])


def git(folder: Path, *words: str) -> str:
    """Run git in a folder as somebody, and return what it says."""
    somebody = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    return subprocess.run(
        ["git", "-C", str(folder), *somebody, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_checkout_is_told_by_its_commit(tmp_path: Path) -> None:
    """The commit is that of the folder itself, by whichever path it is given, not of a repository around it."""
    checkout = tmp_path / "checkout"
    (checkout / "inside").mkdir(parents=True)
    (tmp_path / "link").symlink_to(checkout)
    git(checkout, "init", "--quiet")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    for path in (checkout, tmp_path / "link"):
        assert autoattack.commit(path) == git(checkout, "rev-parse", "HEAD")[:12]
    for path in (checkout / "inside", tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=f"^--checkout: expected a checkout by git, got {path}$"):
            autoattack.commit(path)


def test_a_checkout_that_is_none_costs_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is loaded, let alone attacked for hours."""
    words = f"autoattack a.keras --data d --eps 0.1 --checkout {tmp_path} --torch t"
    monkeypatch.setattr("sys.argv", words.split())
    with pytest.raises(InputError, match=r"^--checkout: expected a checkout"):
        autoattack.main()


def test_one_name_is_for_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models under one name would be one row."""
    words = "autoattack a.keras b.keras --name x --data d --eps 0.1 --checkout c --torch t"
    monkeypatch.setattr("sys.argv", words.split())
    with pytest.raises(InputError, match=r"--name: expected one MODEL beside it, got 2"):
        autoattack.main()
