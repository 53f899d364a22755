"""Blocks that are done outlive an evaluation that is interrupted, and nothing else is taken for them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.evaluations import CHOSEN, COUNT, EPS, crafted, dense, digits, judged, under

from robust_digits.attack.suite import Done, Suite
from robust_digits.attack.table import Noise, Queries
from robust_digits.attack.target import Target
from robust_digits.crew import keeper
from robust_digits.crew.keeper import Blocks
from robust_digits.data.images import ImageSet
from robust_digits.judge import evidence
from robust_digits.params import Section

pytestmark = pytest.mark.usefixtures("tensorflow")

SIZE = 16  # four blocks of the sixty images


def kept(folder: Path, **changed: object) -> tuple[Suite, list[str]]:
    """Return a suite that keeps its blocks, and the names of the attacks that are really run, block by block."""
    ran = []

    class Counted(Suite):
        def work(self, blocks: Iterable[tuple[int, Target]], settings: Section) -> Iterator[Done]:
            for number, block in blocks:
                ran.append(block.name)
                yield from super().work([(number, block)], settings)

    told = {"eps": EPS, "seed": 0, **changed}
    model = under(dense()).model.model
    return Counted(model, keeper=Blocks(folder), size=SIZE, **told), ran  # type: ignore[arg-type]


def test_a_block_that_is_done_is_not_attacked_again(tmp_path: Path) -> None:
    """What is kept is given back, byte for byte, and the seconds that it took are counted."""
    first, ran = kept(tmp_path)
    expected = first.attack("square", Queries(queries=50), digits(), digits().images)
    assert ran == ["square"] * 4
    again, ran = kept(tmp_path)
    found = again.attack("square", Queries(queries=50), digits(), digits().images)
    assert ran == []
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.by, expected.by)
    blocks = Blocks(tmp_path)
    suite = Suite(first.model.model, eps=EPS, seed=0, keeper=blocks, size=SIZE)
    assert blocks.earlier == 0
    suite.attack("square", Queries(queries=50), digits(), digits().images)
    assert blocks.earlier > 0


@pytest.mark.parametrize("changed", [{"eps": EPS / 2}, {"seed": 1}, {"norm": 2}], ids=["eps", "seed", "norm"])
def test_another_ball_or_seed_is_another_block(changed: dict[str, object], tmp_path: Path) -> None:
    """Blocks of another radius, seed or norm are not taken."""
    first, _ = kept(tmp_path)
    first.attack("noise", Noise(draws=1), digits(), digits().images)
    other, ran = kept(tmp_path, **changed)
    other.attack("noise", Noise(draws=1), digits(), digits().images)
    assert ran == ["noise"] * 4


def test_other_images_labels_or_settings_are_another_block(tmp_path: Path) -> None:
    """A block is attacked anew when a pixel, a label, the transfer set, its indices, or a setting is another."""
    suite, ran = kept(tmp_path)
    clean = digits()
    suite.attack("noise", Noise(draws=1), clean, clean.images)
    ran.clear()
    brighter, relabelled = clean.images.copy(), clean.labels.copy()
    brighter[5, 0, 1] += 0.01
    relabelled[-1] = (relabelled[-1] + 1) % 3
    suite.attack("noise", Noise(draws=1), ImageSet(brighter, clean.labels), clean.images)
    suite.attack("noise", Noise(draws=1), ImageSet(clean.images, relabelled), clean.images)
    suite.attack("noise", Noise(draws=1), clean, brighter)
    assert len(ran) == 3, "only the block with the change"
    suite.attack("noise", Noise(draws=1), clean, clean.images, indices=np.arange(COUNT) + 1)
    suite.attack("noise", Noise(draws=2), clean, clean.images)
    assert len(ran) == 3 + 2 * 4


@pytest.mark.fault("recovered")
def test_a_damaged_block_is_attacked_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read is said and replaced."""
    first, _ = kept(tmp_path)
    expected = first.attack("noise", Noise(draws=1), digits(), digits().images)
    files = sorted(tmp_path.iterdir())
    files[0].write_bytes(files[0].read_bytes()[:100])
    files[1].write_bytes(b"")
    again, ran = kept(tmp_path)
    np.testing.assert_array_equal(
        again.attack("noise", Noise(draws=1), digits(), digits().images).images, expected.images
    )
    assert ran == ["noise"] * 2
    assert capsys.readouterr().err.count("the block is attacked anew") == 2
    _, ran = last = kept(tmp_path)
    last[0].attack("noise", Noise(draws=1), digits(), digits().images)
    assert ran == []


@pytest.mark.fault("recovered")
def test_an_altered_block_is_attacked_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weaker images in an intact file do not fit its checksum, and never become a figure."""
    first, _ = kept(tmp_path)
    expected = first.attack("noise", Noise(draws=1), digits(), digits().images)
    path = next(tmp_path.iterdir())
    with np.load(path) as archive:
        arrays = dict(archive) | {"images": archive["images"] * np.float32(0.5)}
    np.savez(path, **arrays)
    again, ran = kept(tmp_path)
    found = again.attack("noise", Noise(draws=1), digits(), digits().images)
    np.testing.assert_array_equal(found.images, expected.images)
    assert ran == ["noise"]
    assert "it does not fit its checksum); the block is attacked anew" in capsys.readouterr().err


@pytest.mark.fault("recovered")
def test_where_nothing_can_be_kept_the_evaluation_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cache folder that cannot be written is said once, and costs nothing but the way back."""
    blocked = tmp_path / "file"
    blocked.touch()
    suite, ran = kept(blocked / "blocks")
    suite.attack("noise", Noise(draws=1), digits(), digits().images)
    assert ran == ["noise"] * 4
    assert capsys.readouterr().err.count("cannot be written") == 1


@pytest.mark.fault("recovered")
def test_an_interrupted_evaluation_ends_in_the_same_bytes(tmp_path: Path) -> None:
    """Interrupted in the middle of an attack and started again, an evaluation attacks only what was missing."""
    suite = under(dense())
    transfer = crafted(suite)
    chosen = {name: CHOSEN[name] for name in ("noise", "pgd", "square")}
    evidence.save(tmp_path / "whole.npz", judged(suite, transfer, chosen=chosen))

    class Power(Blocks):
        left = 5

        def keep(self, block: Target, settings: Section, done: Done) -> None:
            super().keep(block, settings, done)
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(Suite(suite.model.model, eps=EPS, seed=0, keeper=Power(tmp_path / "blocks"), size=SIZE), transfer)
    resumed, ran = kept(tmp_path / "blocks")
    evidence.save(tmp_path / "resumed.npz", judged(resumed, transfer, chosen=chosen))
    assert ran[:3] == ["pgd"] * 3, "noise and one block of PGD were done"
    assert (tmp_path / "resumed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_blocks_are_forgotten(tmp_path: Path) -> None:
    """When the evidence is written nothing is left, and forgetting nothing is no error."""
    suite, _ = kept(tmp_path / "blocks")
    suite.attack("noise", Noise(draws=1), digits(), digits().images)
    Blocks(tmp_path / "blocks").forget()
    assert list(tmp_path.iterdir()) == []
    Blocks(tmp_path / "blocks").forget()


def test_the_same_bytes_of_another_shape_or_type_are_another_block(tmp_path: Path) -> None:
    """Images of two by two pixels are not those of one by four, nor are labels those of half the size."""
    suite = Suite(under(dense()).model.model, eps=EPS, seed=0)
    images, labels = np.zeros((2, 2, 2, 1), np.float32), np.zeros(2, np.int64)
    block = Target(images, labels, images, labels, suite.victim, 0, "noise")
    others = (
        replace(block, images=images.reshape(2, 1, 4, 1)),
        replace(block, labels=np.zeros(4, np.int32)),
    )
    done = Done(0, images, 1.0)
    blocks = Blocks(tmp_path)
    for each in (block, *others):
        assert blocks.kept(each, Noise(draws=1)) is None
        blocks.keep(each, Noise(draws=1), done)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_is_that_of_one_model_and_number_of_threads(tmp_path: Path) -> None:
    """Another model's bytes, another number of threads, which moves the last bits, or another note: another folder."""
    for name, content in (("a.keras", b"a"), ("b.keras", b"b"), ("c.keras", b"a")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (keeper.folder(tmp_path / f"{name}.keras", threads=2) for name in "abc")
    assert a == c
    others = (
        keeper.folder(tmp_path / "a.keras", threads=1),
        keeper.folder(tmp_path / "a.keras", threads=2, note="log"),
    )
    assert len({a, b, *others}) == 4
