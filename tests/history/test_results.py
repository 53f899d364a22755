"""The results of a revision have full names; what cannot be read is refused in a line that names the file."""

import json

import pytest
import yaml
from support.made_up import Project, project

from robust_digits.errors import InputError
from robust_digits.history.results import Results, Share
from robust_digits.history.revisions import Revision, repository


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project that no test changes."""
    return project(tmp_path_factory.mktemp("results") / "project")


def of(made: Project, **changed: bytes | None) -> Results:
    """Return the results of a project in which files have changed; None takes one away."""
    found = repository(made.root).here()
    files = {**found.files, **changed}
    return Results(Revision(found.commit, {path: content for path, content in files.items() if content is not None}))


def with_metrics(made: Project, content: object) -> Results:
    """Return the results of a project in which metrics/robust.json holds something else."""
    return of(made, **{"metrics/robust.json": json.dumps(content).encode()})


def test_figures_have_full_names(made: Project) -> None:
    """Every accuracy and what is certified is a figure; what was not measured is none."""
    figures = of(made).figures
    assert figures["hardened.accuracy.worst_case"] == Share(0.7, 1000, 0.2)
    assert figures["hardened.certified.accuracy"] == Share(0.55, 1000, 0.2)
    assert "robust.certified.accuracy" not in figures
    assert len(figures) == 20
    null = {"accuracy": {"clean": 0.9}, "certified": {"accuracy": None}}
    assert [name for name in with_metrics(made, null).figures if name.startswith("robust")] == ["robust.accuracy.clean"]


def test_an_attack_on_a_few_images(made: Project) -> None:
    """An attack that saw the first images only is a share of those."""
    assert of(made).figures["hardened.accuracy.slow"] == Share(0.72, 100, 0.2)
    assert of(made).figures["hardened.accuracy.pgd"] == Share(0.72, 1000, 0.2)


def test_models_in_the_order_of_the_story(made: Project) -> None:
    """Baseline, robust, hardened; then what else was judged; files in folders below are none."""
    content = (made.root / "metrics/robust.json").read_bytes()
    found = of(made, **{"metrics/a_new_one.json": content, "metrics/old/x.json": content, "metrics/note.txt": b""})
    assert found.models == ["baseline", "robust", "hardened", "a_new_one"]


def test_a_model_from_elsewhere_has_a_hash_too(made: Project) -> None:
    """The weights are those that a stage wrote, or else those that the evaluation read."""
    trained = of(made).weights
    assert set(trained) == {"baseline", "robust", "hardened"}
    lock = yaml.safe_load((made.root / "dvc.lock").read_bytes())
    del lock["stages"]["train_hardened"]
    brought = of(made, **{"dvc.lock": yaml.safe_dump(lock, sort_keys=False).encode()}).weights
    assert brought == trained


def test_checks_params_packages(made: Project) -> None:
    """Checks, parameters and locked packages have full names too."""
    found = of(made)
    assert found.checks["robust.sanity.logits"].passed
    assert found.params["evaluate.attacks.pgd.steps"] == 40
    assert found.packages == {"numpy": "2.2.6", "tensorflow": "2.21.0"}
    forked = of(made, **{"requirements.txt": b"numpy==2.2.6 ; python < 3.11\nnumpy==2.4.0 ; python >= 3.11\n"})
    assert forked.packages == {"numpy": "2.2.6, 2.4.0"}
    assert of(made, **{"requirements.txt": None, "gate.yaml": None}).packages == {}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"accuracy": []},
        {"accuracy": {"clean": "high"}},
        {"accuracy": {"clean": 1.2}},
        {"accuracy": {"clean": float("nan")}},
        {"accuracy": {"of": 0.5}},  # how it was made, nobody says
        {"accuracy": {"clean": 0.5}, "certified": 0.3},
    ],
)
def test_what_are_no_metrics(made: Project, content: object) -> None:
    """A file that holds something else is refused in one line."""
    with pytest.raises(InputError, match=r"^metrics/robust.json in [^\n]+$"):
        assert with_metrics(made, content).figures


@pytest.mark.parametrize(
    "details",
    [b"{", b"[]", b'{"accuracy.clean": 3}', b'{"accuracy.clean": {"images": "many"}}', b'{"accuracy.clean": {}}'],
)
def test_what_are_no_details(made: Project, details: bytes) -> None:
    """A file that does not say how a figure was made is refused in one line."""
    found = of(made, **{"metrics/details/robust.json": details})
    with pytest.raises(InputError, match=r"^metrics/robust.json in [^\n]+$"):
        assert found.figures


def test_no_images_are_no_figure(made: Project) -> None:
    """A share of no images is no share."""
    details = json.loads((made.root / "metrics/details/robust.json").read_bytes())
    details["accuracy.clean"]["images"] = 0
    found = of(made, **{"metrics/details/robust.json": json.dumps(details).encode()})
    with pytest.raises(InputError, match=r"accuracy.clean: expected 1 image at least, got 0"):
        assert found.figures


def test_an_earlier_revision_is_read_by_todays_names(made: Project) -> None:
    """Before, metrics counted their images themselves, and two names were others; how they were made, nobody says."""
    earlier = {"images": 10, "accuracy": {"clean": 0.9, "fgm_fresh": 0.2}, "certified": {"accuracy": 0.1}}
    checks = json.loads((made.root / "metrics/sanity.json").read_bytes())
    checks["robust"]["old_set_within_eps"] = checks["robust"].pop("within_eps")
    found = of(
        made,
        **{
            "metrics/robust.json": json.dumps(earlier).encode(),
            "metrics/details/robust.json": None,
            "metrics/verdicts/robust.csv": None,
            "metrics/sanity.json": json.dumps(checks).encode(),
        },
    )
    assert found.figures["robust.accuracy.fgm_white_box"] == Share(0.2, 10, None)
    assert found.figures["robust.certified.accuracy"] == Share(0.1, 10, None)
    assert "robust.sanity.transfer_within_eps" in found.checks
    assert "robust" not in found.verdicts


def test_metrics_without_details_are_refused(made: Project) -> None:
    """Metrics of today's form cannot do without."""
    found = of(made, **{"metrics/details/robust.json": None})
    with pytest.raises(InputError, match=r"metrics/details/robust\.json: not in .*; `dvc repro` makes it"):
        assert found.figures


def test_what_is_missing(made: Project) -> None:
    """A revision without metrics, without checks, or with a broken file says so."""
    none: dict[str, bytes | None] = {f"metrics/{model}.json": None for model in ("baseline", "robust", "hardened")}
    with pytest.raises(InputError, match="metrics: no metrics of any model in"):
        assert of(made, **none).models
    with pytest.raises(InputError, match=r"metrics/sanity.json in .*: no such file"):
        assert of(made, **{"metrics/sanity.json": None}).checks
    with pytest.raises(InputError, match=r"metrics/sanity.json in .*: not the checks of an evaluation"):
        assert of(made, **{"metrics/sanity.json": b"[]"}).checks
    with pytest.raises(InputError, match=r"metrics/robust.json in .*: not the metrics of a model"):
        assert of(made, **{"metrics/robust.json": b"{"}).figures
