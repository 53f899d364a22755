"""What `make bench` makes of the seconds that contenders answer, whoever fails."""

import ast
import dataclasses
import json
import pkgutil
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from benchmarks import answer, bench, promises, rows, runner
from benchmarks.answer import Answer
from benchmarks.contenders import inside, project, stages
from benchmarks.contenders.inside import Clock
from benchmarks.rows import PEERS, ROWS, Contender, Row, Target
from benchmarks.runner import Outcome

ROOT = Path(__file__).parents[1]
ROW = Row(
    "Some work",
    "images per second",
    {"ours": Contender("Ours", "a:b"), "peer": Contender("Peer", "c:d"), "other": Contender("Other", "e:f")},
    sizes={"images": 100},
    quick={"images": 10},
    rate=True,
)


def test_contenders_take_turns() -> None:
    """Every second round goes backwards, so that none always follows the same one."""
    asked: list[str] = []

    def ask(name: str) -> Outcome:
        asked.append(name)
        return Answer(float(len(asked)))

    found = runner.alternate(["a", "b", "c"], ask, rounds=3)
    assert asked == [*"abc", *"cba", *"abc"]
    assert [one.seconds for one in found["a"] if isinstance(one, Answer)] == [1.0, 6.0, 7.0]


def test_one_that_failed_is_not_asked_again() -> None:
    """A failure ends what one contender does, and nothing that the others do."""
    found = runner.alternate(["a", "b"], lambda name: "no" if name == "b" else Answer(1.0), rounds=3)
    assert found["b"] == ["no"]
    assert len(found["a"]) == 3


def test_figures_are_medians_with_their_spread() -> None:
    """A rate is amount over seconds, the ratio that of the median times, and what is said that of the median round."""
    found: dict[str, list[Outcome]] = {
        "ours": [Answer(2.0, 100), Answer(1.0, 100), Answer(10.0, 100)],
        "peer": [
            Answer(5.0, 100, said={"batch": 64}, versions={"peer": "2"}),
            Answer(8.0, 100, said={"batch": 32}, versions={"peer": "1"}),
            Answer(4.0, 100, said={"batch": 128}, versions={"peer": "3"}),
        ],
    }
    ours, peer = runner.summary(ROW, found)
    assert (ours["median"], ours["lowest"], ours["highest"], ours["ratio"]) == (50.0, 10.0, 100.0, 1.0)
    assert (peer["median"], peer["lowest"], peer["highest"], peer["ratio"]) == (20.0, 12.5, 25.0, 2.5)
    assert (peer["said"], peer["versions"]) == ({"batch": 64}, {"peer": "2"})


def test_seconds_stay_seconds() -> None:
    """A row that is no rate has the seconds of a unit of work, and parts have medians too."""
    row = Row("Some", "seconds", ROW.contenders, sizes={}, quick={})
    parts = [{"a": {"mb": 3.0}}, {"a": {"mb": 1.0}}, {"a": {"mb": 2.0}}]
    line = runner.summary(row, {"ours": [Answer(9.0, 3, parts=each) for each in parts]})[0]
    assert (line["median"], line["parts"]) == (3.0, {"a": {"mb": 2.0}})


def test_a_failure_is_a_line() -> None:
    """One that failed in any round has its reason and no figure; without ours there are no ratios."""
    ours, peer, other = runner.summary(ROW, {"ours": ["no"], "peer": [Answer(1.0)], "other": [Answer(1.0), "late"]})
    assert ours == {"name": "ours", "label": "Ours", "failed": "no"}
    assert "ratio" not in peer
    assert other["failed"] == "late"
    assert "median" not in other


def answering(folder: Path, script: str) -> Outcome:
    """Return the outcome of a contender whose interpreter is a script."""
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o700)
    return runner.process(Contender("Any", "a:b", environment=PEERS), inputs=folder, peers=folder)


def test_the_last_line_is_the_answer(tmp_path: Path) -> None:
    """What a peer prints on its way does not matter."""
    line = Answer(2.0, 4, said={"stands": 0.5}).line()
    assert answering(tmp_path, f"echo hello; echo '{line}'") == Answer(2.0, 4, said={"stands": 0.5})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo Traceback >&2; echo 'ModuleNotFoundError: torch' >&2; exit 1", "ModuleNotFoundError: torch"),
        ("echo '{\"seconds\": 1.0}'; exit 3", "exit code 3"),
        ("echo hello", "expected an answer, got 'hello"),
        ("true", "expected an answer, got ''"),
        ("echo '{\"hours\": 1.0}'", "expected an answer, got"),
        ("kill -9 $$", "exit code -9"),
    ],
)
def test_a_process_that_fails_is_one_line(script: str, said: str, tmp_path: Path) -> None:
    """Whatever ends a contender is a text, never an exception."""
    outcome = answering(tmp_path, script)
    assert isinstance(outcome, str)
    assert outcome.startswith(said)
    assert "\n" not in outcome


def test_no_environment_is_one_line(tmp_path: Path) -> None:
    """Peers that are not installed fail; this project is measured all the same."""
    outcome = runner.process(Contender("Any", "a:b", environment=PEERS), inputs=tmp_path, peers=tmp_path / "none")
    assert isinstance(outcome, str)
    assert outcome.startswith("FileNotFoundError")


def test_a_contender_is_a_process_of_this_project(tmp_path: Path) -> None:
    """One that is not there fails in its own process, with the last line of its traceback."""
    (tmp_path / "sizes.json").write_text("{}", encoding="utf-8")
    outcome = runner.process(Contender("Any", "no_such:work"), inputs=tmp_path, peers=tmp_path)
    assert outcome == "ModuleNotFoundError: No module named 'benchmarks.contenders.no_such'"


@pytest.mark.parametrize(
    ("call", "told"),
    sorted({(each.call, len(each.told)) for row in ROWS.values() for each in row.contenders.values()}),
)
def test_every_contender_exists(call: str, told: int) -> None:
    """The table names functions that are there, and that take what they are told behind the inputs."""
    module, function = call.split(":")
    tree = ast.parse((ROOT / "benchmarks" / "contenders" / f"{module}.py").read_text(encoding="utf-8"))
    (taken,) = (each.args for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == function)
    assert len(taken.args) - len(taken.defaults) <= 1 + told <= len(taken.args)


def test_the_work_of_a_stage_is_what_it_calls() -> None:
    """Each function on the clock is there, and the stage names it: one that is called no more would count as 0."""
    for stage, (place, name) in inside.WORK.items():
        assert callable(getattr(pkgutil.resolve_name(place), name))
        tree = ast.parse((ROOT / f"{stage.replace('.', '/')}.py").read_text(encoding="utf-8"))
        called = {ast.unparse(node.func).lower() for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert f"{place.rpartition('.')[2].lower()}.{name}" in called


def test_stages_harden_as_the_recipe_does() -> None:
    """What the row of stages sets is the Makefile's recipe `quick`."""
    asked = ["make", "-n", "mnist", "RECIPE=quick"]
    typed = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    told = {name: yaml.safe_load(value) for name, value in re.findall(r"'(harden\.\w+)=([^']*)'", typed)}
    del told["harden.epochs"]  # the row has its own
    assert told | {"harden.allow_collapse": True} == stages.HARDENING


@pytest.mark.parametrize("name", ROWS)
def test_every_target_names_a_contender(name: str) -> None:
    """A target names a contender of its row, and a figure that is one; sizes are the same in full and for a look."""
    row = ROWS[name]
    assert {target.peer for target in row.targets} <= {"", *row.contenders}
    known = {"seconds", "cpu"} if name == "tutorial" else {each.name for each in dataclasses.fields(project.Cost)}
    assert {target.figure.partition(" ")[2] for target in row.targets if target.figure} <= known
    assert row.sizes.keys() == row.quick.keys()


def test_the_fastest_batch_size_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each size is tried before it is timed, and the least time is taken with its size."""
    now, worked = [0.0], []

    def work(size: int) -> None:
        worked.append(size)
        now[0] += {8: 3.0, 16: 1.0, 32: 2.0}[size]

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    assert answer.best(work, [8, 16, 32]) == (1.0, 16)
    assert worked == [8, 8, 16, 16, 32, 32]


def line(name: str, seconds: float, ratio: float, **parts: dict[str, float]) -> dict[str, Any]:
    """Return a line of a row as it is recorded."""
    return {"name": name, "label": name, "seconds_each": seconds, "ratio": ratio, "parts": parts}


def promised(monkeypatch: pytest.MonkeyPatch, *targets: Target, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is held of a row with these targets."""
    row = Row("Some work", "seconds", ROW.contenders, sizes={}, quick={}, targets=targets)
    monkeypatch.setattr(promises, "ROWS", {"some": row})
    return promises.held({"some": {"contenders": lines}})


def test_targets_stand_beside_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target is met at its figure and missed below it, with its reason; one that failed is not measured."""
    lines = [line("ours", 1.0, 1.0), line("peer", 2.0, 2.0), {"name": "other", "label": "Other", "failed": "no"}]
    targets = Target("peer", 2), Target("peer", 2.5, reason="slow"), Target("peer", 3), Target("other", 2)
    met, missed, unknown, failed = promised(monkeypatch, *targets, lines=lines)
    assert met == {
        "row": "Some work",
        "what": "peer",
        "expected": "at least 2",
        "measured": 2.0,
        "met": True,
        "reason": "",
    }
    assert (missed["met"], missed["reason"]) == (False, "slow")
    assert unknown["reason"] == "not looked into"
    assert (failed["what"], failed["measured"], failed["met"]) == ("Other", None, None)


def test_targets_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is held against the whole of a peer, by itself, or each against the same part of ours."""
    lines = [
        line("ours", 9.0, 1.0, some={"seconds": 2.0, "mb": 10.0}, more={"seconds": 4.0, "mb": 20.0}),
        line("peer", 8.0, 0.9, some={"seconds": 9.0, "mb": 11.0}, more={"seconds": 9.0, "mb": 40.0}),
    ]
    targets = (
        Target("peer", 2, figure="some seconds"),
        Target("", 3, at_most=True, figure="more seconds", what="more"),
        Target("peer", 1.5, at_most=True, figure="* mb"),
    )
    found = promised(monkeypatch, *targets, lines=lines)
    assert [(each["measured"], each["met"]) for each in found] == [(4.0, True), (4.0, False), (2.0, False)]
    assert [each["expected"] for each in found] == ["at least 2", "at most 3", "at most 1.5"]


@pytest.mark.usefixtures("tensorflow")
def test_arithmetic_is_counted_layer_by_layer() -> None:
    """A product and a sum for each entry of a kernel, at each place of what the layer gives; other layers need none."""
    from benchmarks import arithmetic
    from robust_digits.runtime import keras

    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((6, 5, 2)), layers.Conv2D(3, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(10)]
    )
    counted = [arithmetic.forward(layer) * 1e9 for layer in arithmetic.weighted(model)]
    convolution, dense = 2 * (4 * 3) * (3 * 3 * 2 * 3), 2 * (4 * 3 * 3) * 10
    assert counted == pytest.approx([convolution, dense])
    assert arithmetic.gradient(model) * 1e9 == pytest.approx(2 * (convolution + dense))
    assert arithmetic.step(model) * 1e9 == pytest.approx(2 * convolution + 3 * dense)


def test_autoattack_is_a_row_of_its_own_file() -> None:
    """What benchmarks/autoattack.py recorded is held against its target, model by model."""
    measured = {
        "model": "robust",
        "seed": 0,
        "eps": 0.1,
        "norm": "inf",
        "images": 9,
        "threads": 2,
        "ours": {"clean": 0.9, "square": 0.5},
        "official": {"clean": 0.9, "square": 0.6},
        "seconds": {"ours": 10.0, "official": 35.0},
        "machine": "any",
        "versions": {"torch": "2"},
    }
    other = measured | {"seed": 1, "eps": 0.2, "machine": "another"}
    row = promises.autoattack([measured, other])
    assert [(each["label"], each["ratio"]) for each in row["contenders"]] == [
        ("ours, robust, eps 0.1, seed 0", 1.0),
        ("official, robust, eps 0.1, seed 0", 3.5),
        ("ours, robust, eps 0.2, seed 1", 1.0),
        ("official, robust, eps 0.2, seed 1", 3.5),
    ]
    assert row["machine"] == "another, any"
    assert row["contenders"][1]["said"] == {"stands": 0.6}
    target = promises.held({"autoattack": row})[-2]
    assert (target["what"], target["measured"], target["met"]) == ("official, robust, eps 0.1, seed 0", 3.5, False)


def test_rows_are_recorded_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are not asked for stay, in the order of the table; one that cannot be measured loses none before it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", "--rows", "training", "square"])
    Path("benchmarks").mkdir()
    bench.RESULTS.write_text(json.dumps({"rows": {"pgd": {"contenders": []}, "fgm": {"contenders": []}}}))

    def measured(row: Row, _: object) -> dict[str, Any]:
        if row is ROWS["square"]:
            raise KeyboardInterrupt
        return {"contenders": [line("ours", 1.0, 1.0), line("fit", 2.0, 2.0) | {"label": "Keras fit"}]}

    monkeypatch.setattr(bench, "_measured", measured)
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == 130
    recorded = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
    assert list(recorded["rows"]) == ["fgm", "training", "pgd"]
    assert [each["measured"] for each in recorded["targets"] if each["what"] == "Keras fit"] == [2.0]


def test_targets_are_held_anew_without_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row at all writes what is recorded, beside AutoAttack and the targets of today."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", "--rows"])
    Path("benchmarks").mkdir()
    lines = [line("ours", 1.0, 1.0), line("fit", 3.0, 3.0), line("torch", 2.0, 2.0)]
    bench.RESULTS.write_text(json.dumps({"rows": {"training": {"contenders": lines}}}))
    bench.AUTOATTACK.write_text("[]")
    bench.main()
    recorded = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
    assert list(recorded["rows"]) == ["training", "autoattack"]
    assert {each["what"]: each["met"] for each in recorded["targets"] if each["row"] == "Training"} == {
        "fit": True,
        "torch": False,
    }


def test_a_quick_look_records_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of tiny sizes never stand in the file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", "--quick"])
    monkeypatch.setattr(bench, "_measured", lambda *_: {"contenders": []})
    bench.main()
    assert not list(tmp_path.iterdir())


def test_an_unknown_row_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A row that is not there is one line that names those that are."""
    monkeypatch.setattr("sys.argv", ["bench", "--rows", "warp"])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"bench: --rows: expected some of {', '.join(rows.ROWS)}, got warp\n"


def test_the_clock_runs_inside_the_work_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stage does with the steps of a generator is not its work; a failing function counts too."""
    now, clock = [0.0], Clock()
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def steps() -> Iterator[int]:
        for step in range(2):
            now[0] += 1
            yield step

    def fails() -> None:
        now[0] += 5
        raise ValueError

    for _ in clock.wrapped(steps)():
        now[0] += 100
    assert clock.seconds == 2
    with pytest.raises(ValueError, match=r"^$"):
        clock.wrapped(fails)()
    assert clock.seconds == 7


def test_stages_are_run_as_dvc_would() -> None:
    """Every stage of dvc.yaml has its command, and each model and attack its own."""
    known = [stage for stage in Repo(str(ROOT)).index.stages if stage.path_in_repo == "dvc.yaml"]
    assert project.commands(ROOT) == {stage.addressing: stage.cmd.split()[1:] for stage in known}


def test_a_command_that_fails_says_so(tmp_path: Path) -> None:
    """No figure is made of a stage that failed: its last words are the reason."""
    assert project.Project(tmp_path).run("-c", "pass").seconds > 0
    with pytest.raises(RuntimeError, match=r"no such luck"):
        project.Project(tmp_path).run("-c", "raise SystemExit('no such luck')")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read where the system tells it")
def test_memory_is_watched_while_a_process_runs() -> None:
    """What a process holds is seen, without what its parent holds."""
    own, held = b"1" * 2**28, "held = b'1' * 2**26; input()"
    with subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE) as process:
        watch = project.Watch(process.pid)
        watch.start()
        until = time.monotonic() + 60
        while watch.own < 64 and time.monotonic() < until:
            time.sleep(0.01)
        watch.end()
        process.communicate(b"\n")
    assert 64 <= watch.own <= watch.resident < len(own) / 2**20
