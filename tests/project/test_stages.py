"""dvc.yaml tells the truth: what it declares is what the scripts import, read and are."""

import ast
import re
from collections import Counter
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml
from dvc.repo import Repo

from robust_digits.params import Section, load
from robust_digits.record.dependencies import CODE, closure, imports

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (ROOT / "stages").glob("*.py"))
ROOMS = {  # what each room may import of the others, in the order in which the data flow; a room not here fails
    "arrays": set(),
    "cache": set(),
    "data": {"arrays", "cache"},
    "certify": {"arrays", "data"},
    "learn": {"cache", "data", "certify"},
    "attack": {"arrays", "data"},
    "mix": {"arrays", "data", "attack"},
    "plant": {"arrays", "data", "attack"},
    "crew": {"data", "cache", "certify", "learn", "attack"},
    "judge": {"arrays", "data", "certify", "attack", "plant"},
    "detect": {"arrays", "data", "attack", "plant", "judge"},
    "draw": {"data", "judge", "detect"},
    "history": {"judge"},
    "document": {"attack", "judge", "detect"},
    "report": {"cache", "judge", "draw", "history", "document"},
    "record": {"cache", "judge", "detect", "history", "document"},
    "candidate": {"arrays", "data", "certify", "learn", "attack", "crew", "judge", "draw", "report"},
    "study": {"arrays", "cache", "data", "learn", "attack", "judge", "draw", "history", "document"},
}
LARGEST = 12  # modules of a room
HEAVY = {  # where a library with a long start or many faces may be imported: in as few rooms as possible
    "art": {"robust_digits/attack/classifier.py"},
    "dvc": {
        f"robust_digits/{name}.py"
        for name in (
            "history/artifacts",
            "record/dependencies",
            "record/record",
            "record/trial",
            "report/rejudging",
            "study/workspace",
        )
    },
    "keras": {"robust_digits/runtime.py"},
    "matplotlib": {
        f"robust_digits/{name}.py"
        for name in (
            "draw/bracket",
            "draw/charts",
            "draw/digits",
            "draw/galleries",
            "draw/lab",
            "draw/learning",
            "draw/parts",
            "draw/roc",
            "draw/survey",
            "draw/trend",
            "study/chart",
            "study/matrix",
        )
    },
    "pooch": {"robust_digits/cache/place.py", "robust_digits/data/downloads.py", "robust_digits/data/sources.py"},
    "pyarrow": {"robust_digits/data/parquet.py"},
    "requests": {"robust_digits/data/downloads.py"},
    "ruamel": {f"robust_digits/{name}.py" for name in ("history/yaml12", "params")},
    "sklearn": {"robust_digits/data/splitting.py"},
    "tensorflow": {"robust_digits/runtime.py"},
    "vl_convert": {"robust_digits/report/page.py"},
    "yaml": {f"robust_digits/{name}.py" for name in ("history/yaml12", "record/record", "study/workspace")},
}


@cache
def stages() -> dict[str, Any]:
    """Return every stage that DVC sees, by its name; reading them checks dvc.yaml against DVC's schema."""
    return {stage.addressing.rpartition(":")[2]: stage for stage in Repo(str(ROOT)).index.stages}


def pipeline(stage: str) -> str:
    """Return the file that declares a stage, from the root."""
    return str(Path(stages()[stage].path).relative_to(ROOT))


def script(stage: str) -> str:
    """Return the script of a stage: `evaluate` for `evaluate@robust`."""
    return stage.partition("@")[0]


def reached(name: str) -> set[str]:
    """Return a stage's script and every module of the project that it reaches, as paths from the root."""
    return closure(Path("stages", f"{name}.py"), root=ROOT)


def params_type(name: str) -> type[Section]:
    """Return the record that a script's `main` takes."""
    main = import_module(f"stages.{name}").main
    kind: type[Section] = next(iter(signature(main).parameters.values())).annotation
    return kind


OWN = {"craft": {"craft.attacks"}}  # scripts of several stages: each reads its own key of a mapping


def leaves(kind: type[Section]) -> dict[str, str]:
    """Return how a stage must declare each value it reads: attribute path -> key in dvc.yaml."""
    found: dict[str, str] = {}
    for name, field in kind.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            for key in section.model_fields:
                found[f"{name}.{key}"] = f"{name}.{key}" if section.others else name
        else:
            found[name] = name
    return found


def test_every_script_is_a_stage() -> None:
    """The scripts in stages/ are the stages of dvc.yaml."""
    assert {script(stage) for stage in stages()} == set(SCRIPTS)


@pytest.mark.parametrize("stage", stages())
def test_command_runs_its_script(stage: str) -> None:
    """A stage runs the script of its name, as a module, and nothing else."""
    assert stages()[stage].cmd.split()[:3] == ["python", "-m", f"stages.{script(stage)}"]


@pytest.mark.parametrize("stage", stages())
def test_every_stage_says_what_it_does(stage: str) -> None:
    """A stage has a description in dvc.yaml and a docstring for --help."""
    assert stages()[stage].desc
    assert import_module(f"stages.{script(stage)}").__doc__


@pytest.mark.parametrize("stage", stages())
def test_deps_are_the_import_closure(stage: str) -> None:
    """A stage depends on every module of the project that it can reach, and on no other."""
    declared = {dep.def_path for dep in stages()[stage].deps if dep.def_path.startswith(CODE)}
    assert declared == reached(script(stage)), "`make deps` writes these lists"


@pytest.mark.parametrize("stage", stages())
def test_declared_params_are_the_ones_read(stage: str) -> None:
    """A stage declares exactly the keys of its `Params`; of a mapping with an entry for each of its like, its own."""
    declared = {key for dep in stages()[stage].deps for key in getattr(dep, "params", [])}
    name, _, own = stage.partition("@")
    read = leaves(params_type(name))
    wanted = {f"{key}.{own}" if key in OWN.get(name, ()) else key for key in (read if name in OWN else read.values())}
    assert declared == wanted


@cache
def attributes(path: Path) -> set[str]:
    """Return every attribute that a file names, with all that stands before its points."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@cache
def passed_whole(path: Path) -> set[str]:
    """Return what a script hands on as an argument of a call, as it stands there."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return {ast.unparse(argument) for call in calls for argument in call.args}


def used(name: str) -> set[str]:
    """Return the keys that a script uses: as `params.<key>`, or of a section passed whole, in a module that it reaches.

    There it is called by the name of its type, or by that name behind an underscore: `recipe.eps`, `self._recipe.eps`.
    """
    path = ROOT / "stages" / f"{name}.py"
    found = {key.removeprefix("params.") for key in attributes(path)}
    everywhere = set().union(*(attributes(ROOT / file) for file in reached(name)))
    for section, field in params_type(name).model_fields.items():
        if f"params.{section}" in passed_whole(path):
            called = getattr(field.annotation, "__name__", "").lower()
            tails = {each.partition(f"{called}.")[2] for each in everywhere if re.match(rf"(.*[._])?{called}\.", each)}
            found |= {f"{section}.{tail}" for tail in tails}
    return found


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_param_is_used(name: str) -> None:
    """A script, or the module that it hands a whole section to, uses every key that it reads."""
    assert set(leaves(params_type(name))) <= used(name)


def test_every_param_is_read_by_a_stage() -> None:
    """params.yaml holds no key that nobody reads."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    given = {f"{key}.{inner}" for key, value in values.items() if isinstance(value, dict) for inner in value}
    given |= {key for key, value in values.items() if not isinstance(value, dict)}
    assert given == {leaf for name in SCRIPTS for leaf in leaves(params_type(name))}


@pytest.mark.parametrize("name", SCRIPTS)
def test_partial_sections_know_all_keys(name: str) -> None:
    """A stage that reads a part of a mapping knows every key of it, so that a misspelt one is refused everywhere."""
    params = load(params_type(name), ROOT / "params.yaml")
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for key, value in params:
        if isinstance(value, Section):
            assert {*type(value).model_fields, *value.others} == set(values[key])


@pytest.mark.parametrize("stage", stages())
def test_arguments_are_declared(stage: str) -> None:
    """Every path on a stage's command line is an input or output of it, or a folder of several."""
    declared = {item.def_path for item in [*stages()[stage].deps, *stages()[stage].outs]}
    paths = [word for word in stages()[stage].cmd.split()[3:] if "/" in word or word in declared]
    assert paths
    for path in paths:
        assert any(name == path or name.startswith(f"{path}/") for name in declared), path


@pytest.mark.parametrize("stage", stages())
def test_help_says_which_paths_are_inputs(stage: str) -> None:
    """What a script's `--help` calls an input, or an output, of its stage is one in dvc.yaml."""
    declared = {kind: {item.def_path for item in getattr(stages()[stage], kind)} for kind in ("deps", "outs")}
    hints = get_type_hints(import_module(f"stages.{script(stage)}").main, include_extras=True)
    _, *arguments = (hint for name, hint in hints.items() if name != "return")
    for path, hint in zip(stages()[stage].cmd.split()[3:], arguments, strict=True):
        kind, said = get_args(hint)
        names = declared["deps" if said.startswith("input: ") else "outs"]
        assert any(name == path or name.startswith(f"{path}/") for name in names) == (kind is Path), path
        assert said.startswith(("input: ", "output: ")) == (kind is Path)


@pytest.mark.parametrize("stage", ["fetch", "normalize", "augment", "summarize", "score_detectors"])
def test_light_stages_cannot_reach_tensorflow(stage: str) -> None:
    """The light stages depend on no module that loads TensorFlow or ART."""
    assert not reached(stage) & (HEAVY["tensorflow"] | HEAVY["art"])


@pytest.mark.parametrize("stage", [name for name in stages() if script(name).startswith(("train", "augment", "craft"))])
def test_test_images_choose_nothing(stage: str) -> None:
    """Test images reach no stage that trains or augments; `craft` alone reads them, and trains nothing."""
    reads = {dep.def_path for dep in stages()[stage].deps if not dep.def_path.startswith(CODE)}
    may = {"data/normalized/train", "data/normalized/validation", "data/adversarial/train", "data/augmented"}
    read = {path for path in reads if path.startswith("data/") and path not in may}
    assert read == ({"data/normalized/test"} if script(stage) == "craft" else set())


@pytest.mark.parametrize("library", HEAVY)
def test_heavy_libraries_have_few_rooms(library: str) -> None:
    """A heavy library is imported in the named modules and nowhere else."""
    rooms = {
        path.relative_to(ROOT).as_posix()
        for folder in ("robust_digits", "stages")
        for path in (ROOT / folder).rglob("*.py")
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert rooms == HEAVY[library]


def room(path: Path) -> str:
    """Return the room of a module: its folder in the package, or nothing for a module that all rooms share."""
    folders = path.relative_to(ROOT / "robust_digits").parts[:-1]
    assert len(folders) <= 1, f"{path}: a room has no rooms"
    return folders[0] if folders else ""


@pytest.mark.parametrize("path", sorted((ROOT / "robust_digits").rglob("*.py")), ids=lambda path: path.name)
def test_rooms_import_in_the_order_of_the_data(path: Path) -> None:
    """A module imports only what all rooms share, its own room and rooms that come before it, and never a stage."""
    allowed = {room(path), *ROOMS.get(room(path), set())}
    for name in imports(path):
        parts = name.split(".")
        assert parts[0] != "stages"
        if parts[0] == "robust_digits" and len(parts) > 1 and (ROOT / "robust_digits" / parts[1]).is_dir():
            assert parts[1] in allowed, f"{path} imports {name}"


def test_every_room_is_listed_and_small() -> None:
    """Each folder of the package has its line in the table above, and no more modules than a person can overlook."""
    sizes = Counter(room(path) for path in (ROOT / "robust_digits").rglob("*.py") if path.name != "__init__.py")
    assert sizes.keys() == {"", *ROOMS}
    assert max(sizes.values()) <= LARGEST


def test_tests_stand_where_their_modules_do() -> None:
    """The folders are the rooms, what tests share, the project as a whole, and what breaks it; none imports a test."""
    folders = {path.parent.name for path in (ROOT / "tests").rglob("*.py")}
    assert folders == {"tests", "support", "project", "faults", *ROOMS}
    for path in (ROOT / "tests").rglob("*.py"):
        assert not any(part.startswith("test_") for name in imports(path) for part in name.split(".")), path


@pytest.mark.parametrize("path", sorted((ROOT / "stages").glob("*.py")), ids=lambda path: path.name)
def test_stages_never_import_each_other(path: Path) -> None:
    """A stage is reached by DVC only."""
    assert not any(name.split(".")[0] == "stages" for name in imports(path))


def test_packages_are_empty() -> None:
    """The packages re-export nothing: it would tie every stage to every module."""
    assert not any(path.read_text(encoding="utf-8") for path in (ROOT / "robust_digits").rglob("__init__.py"))


def test_the_pipeline_needs_no_detectors() -> None:
    """`dvc repro` runs what dvc.yaml declares; none of that reads what detectors leave, so it never runs them."""
    apart = {name for name in stages() if pipeline(name) == "detection/dvc.yaml"}
    assert {script(name) for name in apart} == {"detect", "score_detectors"}
    assert {pipeline(name) for name in stages()} == {"dvc.yaml", "detection/dvc.yaml"}
    left = {out.def_path for name in apart for out in stages()[name].outs}
    read = {dep.def_path for name in stages().keys() - apart for dep in stages()[name].deps}
    assert not left & read


def test_artifacts_are_outputs() -> None:
    """Every artifact that dvc.yaml announces is the output of a stage, and says what it is."""
    outs = {out.def_path for stage in stages().values() for out in stage.outs}
    artifacts = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["artifacts"]
    assert artifacts
    for artifact in artifacts.values():
        assert artifact["path"] in outs
        assert artifact["type"] == "model"
        assert artifact["desc"]
        assert artifact["labels"]


def test_plots_read_committed_files() -> None:
    """Every file of a top-level plot is in git, so that a bare clone can draw it."""
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    for plot in plots:
        files = [plot] if isinstance(plot, str) else [file for definition in plot.values() for file in definition["y"]]
        assert files
        assert all((ROOT / file).exists() and file.startswith("plots/") for file in files), plot


def test_what_was_read_is_what_was_written() -> None:
    """A folder that a stage has read held what stages write into it, and no leftover that a fresh clone has not."""
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    assert locked.keys() == {name for name, stage in stages().items() if Path(stage.path) == ROOT / "dvc.yaml"}
    lock = locked.values()
    written = {out["path"]: out.get("nfiles", 1) for stage in lock for out in stage.get("outs", [])}
    read = {dep["path"]: dep["nfiles"] for stage in lock for dep in stage.get("deps", []) if "nfiles" in dep}
    inside = {path: [out for out in written if f"{out}/".startswith(f"{path}/")] for path in read}
    assert any(path not in written for path in read)
    assert read == {path: sum(written[out] for out in outs) for path, outs in inside.items()}
