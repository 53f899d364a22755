"""No room for what training and evaluation write, or no memory for them: one line names it, earlier results stay."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.evaluations import CHOSEN, dense, digits, under
from support.fabricated import fabricated
from support.limits import small_files
from support.striped import linear

from robust_digits.attack.suite import Suite
from robust_digits.command import guarded
from robust_digits.crew.keeper import Blocks
from robust_digits.errors import InputError
from robust_digits.judge import checks, evidence, scoring
from robust_digits.learn import models, training
from robust_digits.learn.training import Epoch
from robust_digits.runtime import tf

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

LIMIT = 100  # bytes: every one of these files is larger
WRITERS: dict[str, Callable[[Path], object]] = {
    "a model": lambda path: models.save(linear(), path),
    "a history": lambda path: training.save_history(path, [Epoch(number, *[0.123456] * 6) for number in range(20)]),
    "evidence": lambda path: evidence.save(path, fabricated()[1]),
    "metrics": lambda path: scoring.save(fabricated(count=120)[1], scoring.Places(path, path, path)),
    "checks": lambda path: checks.save(path, {"robust": dict.fromkeys("abc", checks.Check("says" * 50, 0.0, 1.0))}),
}


@pytest.mark.fault("refused")
@pytest.mark.parametrize("what", WRITERS)
def test_no_room_for_a_result(what: str, tmp_path: Path) -> None:
    """The line names the file; the earlier one is as it was, and nothing half-written is beside it."""
    path = tmp_path / "result"
    path.write_bytes(b"earlier")
    with pytest.raises(InputError) as caught, small_files(LIMIT):
        WRITERS[what](path)
    assert str(caught.value) == f"{path}: File too large"
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.fault("recovered")
def test_no_room_for_blocks_costs_no_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be kept is said once, and the attack ends with the images that it finds anyway."""
    bare = under(dense())
    expected = bare.attack("noise", CHOSEN["noise"], digits(), digits().images)
    keeping = Suite(bare.model.model, eps=bare.eps, seed=0, keeper=Blocks(tmp_path / "blocks"), size=16)
    with small_files(LIMIT):
        found = keeping.attack("noise", CHOSEN["noise"], digits(), digits().images)
    assert found.images.shape == expected.images.shape
    assert capsys.readouterr().err.count("cannot be written (File too large); an interrupted attack will start") == 1
    assert list((tmp_path / "blocks").iterdir()) == []


@pytest.mark.fault("refused")
def test_no_memory_for_a_tensor(capsys: pytest.CaptureFixture[str]) -> None:
    """TensorFlow asks for more than there is: the command ends in one line, which has the size."""

    def main() -> None:
        tf.zeros((10**6, 10**7))

    with pytest.raises(SystemExit) as caught:
        guarded(main)()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("test_full_results: out of memory: ")
    assert "1000000,10000000" in line
