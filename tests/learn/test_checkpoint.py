"""The state of a training is found by the same training, by no other, and is whole or not there."""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from robust_digits.cache import code
from robust_digits.data import images
from robust_digits.data.images import ImageSet
from robust_digits.learn import checkpoint
from robust_digits.learn.checkpoint import Checkpoint


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache out of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def noise(count: int = 5, seed: int = 0) -> ImageSet:
    """Return a small image set."""
    generator = np.random.default_rng(seed)
    return ImageSet(generator.random((count, 3, 3, 1), np.float32), generator.integers(0, 4, count))


STATE: checkpoint.State = {
    "history": [np.array([[1, 0.1, 1 / 3], [2, 0.05, np.nan]])],
    "seconds": [np.array(1.25)],
    "best": [np.full((2, 3), index, np.float32) for index in range(12)],
    "variables": [np.array(7, np.int64), np.array([1, 2], np.uint32), np.zeros((0, 2), np.float32)],
}


# Where it lies


def test_the_state_lies_in_the_users_cache(own_cache: Path) -> None:
    """No stage's outputs and no workspace hold the state: DVC deletes both."""
    found = checkpoint.path("{}", noise())
    assert found.parent == own_cache / "robust-digits" / "training"
    assert found.suffix == ".npz"
    assert not found.exists()


def test_the_same_training_finds_its_state(tmp_path: Path) -> None:
    """The name is the same for the same settings and images, whether these lie in memory or on disk."""
    expected = checkpoint.path("{}", noise(), noise(2, seed=1))
    assert checkpoint.path("{}", noise(), noise(2, seed=1)) == expected
    images.save(tmp_path / "train", [noise()], count=5)
    assert checkpoint.path("{}", images.load(tmp_path / "train"), noise(2, seed=1)) == expected


def turned(whole: ImageSet) -> ImageSet:
    """Return an image set in another order."""
    return whole[np.arange(len(whole))[::-1]]


def brighter(whole: ImageSet) -> ImageSet:
    """Return an image set in which one pixel is another."""
    pixels = whole.images.copy()
    pixels[-1, -1, -1] = np.nextafter(pixels[-1, -1, -1], np.float32(1))
    return ImageSet(pixels, whole.labels)


def relabelled(whole: ImageSet) -> ImageSet:
    """Return an image set in which one label is another."""
    return ImageSet(whole.images, whole.labels + (np.arange(len(whole)) == 0))


def test_another_training_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other settings, images, labels, order, code or libraries are another training: none finds another's state."""
    train, validation = noise(), noise(2, seed=1)
    found = [
        checkpoint.path("{}", train, validation),
        checkpoint.path('{"seed":1}', train, validation),
        checkpoint.path("{}", validation, train),
        *(checkpoint.path("{}", change(train), validation) for change in (turned, brighter, relabelled)),
        checkpoint.path("{}", train, relabelled(validation)),
        checkpoint.path("{}", train[:4], validation),
    ]
    monkeypatch.setattr(code, "fingerprint", lambda: "other code")
    found.append(checkpoint.path("{}", train, validation))
    assert len(set(found)) == len(found)


# What it holds


def test_round_trip(tmp_path: Path) -> None:
    """What is loaded is what was saved: every name, list and array, of the same type and shape, to the bit."""
    Checkpoint(tmp_path / "deep" / "state.npz").save(STATE)
    loaded = Checkpoint(tmp_path / "deep" / "state.npz").load()
    assert loaded is not None
    assert loaded.keys() == STATE.keys()
    for name, arrays in STATE.items():
        for one, other in zip(loaded[name], arrays, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["state.npz"]


def test_a_later_state_replaces_the_earlier(tmp_path: Path) -> None:
    """After each epoch there is one state, the last."""
    for value in (1.0, 2.0):
        Checkpoint(tmp_path / "state.npz").save({"seconds": [np.array(value)]})
    assert Checkpoint(tmp_path / "state.npz").load() == {"seconds": [np.array(2.0)]}


@pytest.mark.fault("recovered")
def test_a_full_disk_leaves_the_earlier_state_and_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The state of the epoch before is still there, nothing half-written is beside it, and it is said once."""
    file = tmp_path / "state.npz"
    kept = Checkpoint(file)
    kept.save({"seconds": [np.array(1.0)]})

    def full(file: BinaryIO, **_: object) -> None:
        file.write(b"begun")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        kept.save(STATE)
        kept.save(STATE)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"{file}: cannot be written (No space left on device); an interrupted training will start anew"
    assert Checkpoint(file).load() == {"seconds": [np.array(1.0)]}
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.fault("recovered")
def test_a_state_whose_weights_were_altered_is_not_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An intact file with another number in it does not fit its checksum: training starts anew, and says why."""
    file = tmp_path / "state.npz"
    Checkpoint(file).save(STATE)
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["best.3"][1, 1] += 1
    np.savez(file, **arrays)
    assert Checkpoint(file).load() is None
    said = capsys.readouterr().err
    assert said == f"{file}: cannot be read (it does not fit its checksum); training starts anew\n"


@pytest.mark.fault("recovered")
def test_a_state_that_another_run_still_needs_is_left(tmp_path: Path) -> None:
    """Of two runs of one training the first to end leaves what the other wrote; the last one removes it."""
    first, second = Checkpoint(tmp_path / "state.npz"), Checkpoint(tmp_path / "state.npz")
    first.save(STATE)
    second.save(STATE)
    first.forget()
    assert second.load() is not None
    second.forget()
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no state, there is nothing to say: most trainings start anew."""
    assert Checkpoint(tmp_path / "none" / "state.npz").load() is None
    assert capsys.readouterr() == ("", "")


def saved(**arrays: np.ndarray) -> bytes:  # type: ignore[type-arg]  # of anything
    """Return an `.npz` file; `__` in a name stands for a point."""
    file = io.BytesIO()
    np.savez(file, **{name.replace("__", "."): array for name, array in arrays.items()})  # type: ignore[arg-type]
    return file.getvalue()


ARRAY = io.BytesIO()
np.save(ARRAY, np.zeros(3))
WHOLE = saved(seconds__0=np.zeros(100))
BROKEN = {
    "empty": b"",
    "text": b"epoch 1\n",
    "cut short": WHOLE[:-50],
    "bits flipped": WHOLE.replace(b"\0" * 64, b"\0" * 63 + b"\1", 1),
    "pickle": saved(seconds__0=np.array([print])),
    "one array": ARRAY.getvalue(),
    "without numbers": saved(seconds=np.zeros(3)),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.fault("recovered")
def test_what_cannot_be_read_is_said_and_left(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged state costs the epochs behind it, not the training: one line names the file, and it starts anew."""
    file = tmp_path / "state.npz"
    file.write_bytes(content)
    assert Checkpoint(file).load() is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{file}: cannot be read (")
    assert line.endswith("); training starts anew")


def test_forgetting(tmp_path: Path) -> None:
    """A training that has ended leaves nothing behind, and forgetting twice is no harm."""
    kept = Checkpoint(tmp_path / "state.npz")
    kept.save(STATE)
    for _ in range(2):
        kept.forget()
    assert list(tmp_path.iterdir()) == []
