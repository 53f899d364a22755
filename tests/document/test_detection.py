"""What detectors did is a table in documents, and is kept with what made it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from support.detection import views

from robust_digits.detect import figures, sanity
from robust_digits.document import detection
from robust_digits.errors import InputError
from robust_digits.judge import checks
from robust_digits.record import pages, trial

ROW = (
    "| robust | one | 5.0% (0.9 to 23.6) | 100.0% (83.2 to 100.0) | {} | 0.0% (0.0 to 20.4) "
    "| 0.0% (0.0 to 16.1) | 20.0% (8.1 to 41.6) |\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with what a stage leaves of one detector beside one model."""
    made = tmp_path / "detection"
    figures.save(
        {"robust": {"one": views()}},
        false_alarms=(0.01, 0.05),
        metrics=made / "metrics.json",
        details=made / "details.json",
    )
    checks.save(made / "sanity.json", {"robust": sanity.checks(views(), detector="one", false_alarms=(0.05,))})
    (made / "roc.png").write_bytes(b"PNG")
    return made


def test_a_detector_is_a_line(folder: Path) -> None:
    """What it flags clean, finds of the old set, of white-box attacks and of who knows it, and what stands with it."""
    found = json.loads((folder / "details.json").read_bytes())["robust.one.fgm.detected_5"]
    low, high = found["interval"]
    cell = f"{100 * found['share']:.1f}% ({100 * low:.1f} to {100 * high:.1f})"
    assert detection.table(folder).endswith(f"|\n{ROW.format(cell)}")
    page = pages.fill("<!-- detection: detection --><!-- end -->", folder.parent, order=())
    assert page == f"<!-- detection: detection -->\n{detection.table(folder)}<!-- end -->"


def test_of_white_box_attacks_the_one_counts_that_is_found_least(folder: Path) -> None:
    """One that breaks nothing does not count; where none breaks anything there is nothing to find."""
    path = folder / "details.json"
    found = json.loads(path.read_bytes())
    found["robust.one.pgd.detected_5"] = {"share": 0.01, "images": 100, "interval": [0.0, 0.05]}
    found["robust.one.bim.detected_5"] = {"share": None, "images": 0, "interval": None}
    found["robust.one.noise.detected_5"] = {"share": 0.0, "images": 9, "interval": [0.0, 0.3]}  # follows no gradient
    path.write_text(json.dumps(found), encoding="utf-8")
    assert "| 1.0% (0.0 to 5.0) |" in detection.table(folder)
    found = {name: figure for name, figure in found.items() if ".fgm." not in name and ".pgd." not in name}
    path.write_text(json.dumps(found), encoding="utf-8")
    assert "| nothing to find |" in detection.table(folder)


@pytest.mark.parametrize("content", ["{}{", "[]", '{"a": 1}', '{"robust.one.clean.alone": {}}'])
def test_other_files_are_refused(folder: Path, content: str) -> None:
    """In one line, which names the file."""
    (folder / "details.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"details\.json: not the figures of detectors: [^\n]+$"):
        detection.table(folder)


def test_without_figures_it_says_what_makes_them(folder: Path) -> None:
    """A document with a table of nothing is an error."""
    (folder / "details.json").unlink()
    with pytest.raises(InputError, match=r"details\.json: no such file; `make detect` makes it"):
        detection.table(folder)


class Experiment:
    """DVC's view of an experiment, whose files lie in the current folder."""

    def __init__(self, rev: str) -> None:
        """Take the name of the experiment."""

    def exists(self, path: str) -> bool:
        """Return whether the experiment has a file."""
        return Path(path).exists()

    def get_file(self, path: str, target: str) -> None:
        """Copy a file."""
        shutil.copyfile(path, target)

    def read_text(self, path: str) -> str:
        """Read a file."""
        return Path(path).read_text(encoding="utf-8")


@pytest.fixture
def experiment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder, the current one, of an experiment in which detectors were tried."""
    monkeypatch.chdir(folder.parent)
    monkeypatch.setattr(trial, "DVCFileSystem", Experiment)
    monkeypatch.setattr(trial, "commit", lambda _: "0123456789ab")
    params = {"data": {"source": "/home/me/mnist.npz"}, "craft": {"eps": 0.5}, "evaluate": {"eps": 0.3}}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return folder.parent


def test_a_record_says_what_made_it(experiment: Path) -> None:
    """The page has command, commit, data without its path, and a table that `make pages` would not change."""
    trial.record("mine", experiment / "docs/detection/mine", command="make detect RECIPE=quick")
    made = experiment / "docs/detection/mine"
    page = (made / "README.md").read_text(encoding="utf-8")
    assert "Made by `make detect RECIPE=quick` at commit `0123456789ab`" in page
    assert "`mnist.npz`" in page
    assert "/home" not in page + (made / "params.yaml").read_text(encoding="utf-8")
    assert "1 of\n1 checks are green" in page
    assert pages.fill(page, made, order=()) == page
    for name in ("metrics.json", "details.json", "sanity.json", "roc.png"):
        assert (made / name).read_bytes() == (experiment / "detection" / name).read_bytes()


def test_an_experiment_without_detectors_is_refused(experiment: Path) -> None:
    """In one line, and an earlier record stays."""
    earlier = experiment / "docs/detection/mine/README.md"
    earlier.parent.mkdir(parents=True)
    earlier.touch()
    (experiment / "detection/roc.png").unlink()
    with pytest.raises(InputError, match=r"^mine: no detection/roc\.png; `make detect` makes it$"):
        trial.record("mine", earlier.parent, command="make detect")
    assert earlier.exists()
