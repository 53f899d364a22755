"""What is exported is the same network and the same question: read back by ONNX Runtime, and by the format's rules."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from robust_digits.candidate import export
from robust_digits.data.images import ImageSet
from robust_digits.errors import InputError
from robust_digits.runtime import keras

pytestmark = [pytest.mark.usefixtures("tensorflow"), pytest.mark.slow]

SHAPE, CLASSES, EPS = (8, 8, 1), 4, 0.05
WRONG = 1  # the image whose label is not the model's answer


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Return a model that ends in a softmax."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(SHAPE)
    hidden = keras.layers.Conv2D(3, 3, strides=2, padding="same", activation="relu")(inputs)
    hidden = keras.layers.MaxPooling2D(2)(keras.layers.BatchNormalization()(hidden))
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(keras.layers.Flatten()(hidden)))


@pytest.fixture(scope="module")
def images(model: keras.Model) -> ImageSet:
    """Return images with the model's answers as labels, but for one of them; some pixels are 0 or 1."""
    pixels = np.random.default_rng(0).uniform(-0.2, 1.2, (5, *SHAPE)).clip(0, 1).astype(np.float32)
    labels = model(pixels).numpy().argmax(axis=1)
    labels[WRONG] = (labels[WRONG] + 1) % CLASSES
    return ImageSet(pixels, labels)


@pytest.fixture(scope="module")
def folder(model: keras.Model, images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the model, the images, and what was exported of them into `out`."""
    folder = tmp_path_factory.mktemp("export")
    model.save(folder / "mine.keras")
    np.savez(folder / "mine.npz", images=images.images, labels=images.labels)
    rows = export.export(folder / "mine.keras", folder / "mine.npz", folder / "out", eps=EPS, images=3)
    assert rows == [0, 2, 3], "the first ones that are right"
    return folder


def test_onnx_gives_the_same_logits(folder: Path, model: keras.Model, images: ImageSet) -> None:
    """ONNX Runtime answers as the model does before its softmax, an image at a time."""
    session = onnxruntime.InferenceSession(folder / "out" / "mine.onnx", providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.shape, given.type) == ([1, *SHAPE], "tensor(float)")
    bare = keras.Model(model.input, model.layers[-1].input)
    kernel, bias = model.layers[-1].get_weights()
    found = np.concatenate([session.run(None, {given.name: image[None]})[0] for image in images.images])
    np.testing.assert_allclose(found, bare(images.images).numpy() @ kernel + bias, rtol=1e-5, atol=1e-5)


def read(text: str) -> list[Any]:
    """Return the expressions of a VNN-LIB text: a list for each pair of brackets, words otherwise."""
    plain = "\n".join(line.partition(";")[0] for line in text.splitlines())
    return list(expressions(iter(plain.replace("(", " ( ").replace(")", " ) ").split())))


def expressions(words: Iterator[str]) -> Iterator[Any]:
    """Yield expressions up to the bracket that ends them."""
    for word in words:
        if word == ")":
            return
        yield list(expressions(words)) if word == "(" else word


def holds(expression: Any, values: dict[str, float]) -> bool:  # noqa: ANN401 (brackets in brackets)
    """Return whether an expression holds of pixels and logits."""
    operator, *parts = expression
    if operator in {"and", "or"}:
        return {"and": all, "or": any}[operator](holds(part, values) for part in parts)
    left, right = (values[part] if part in values else float(part) for part in parts)
    return {"<=": left <= right, ">=": left >= right}[operator]


def counterexample(asked: list[Any], pixels: NDArray[np.float64], logits: NDArray[np.float64]) -> bool:
    """Return whether pixels and logits are what a property asks for; they are all that it declares."""
    values = {f"X_{at}": value for at, value in enumerate(pixels.ravel().tolist())}
    values |= {f"Y_{at}": value for at, value in enumerate(logits.tolist())}
    assert [each[1:] for each in asked if each[0] == "declare-const"] == [[name, "Real"] for name in values]
    return all(holds(each[1], values) for each in asked if each[0] == "assert")


def test_a_property_asks_for_what_misleads_the_model(folder: Path, images: ImageSet) -> None:
    """Pixels within eps and [0, 1], and any other logit as large as the true one: one more or less, and it is none."""
    asked = read((folder / "out" / "image_2.vnnlib").read_text(encoding="utf-8"))
    image, label = images.images[2].astype(np.float64), int(images.labels[2])
    wrong, tie, right = (np.eye(CLASSES)[(label + shift) % CLASSES] for shift in (1, 0, 0))
    tie[(label + 2) % CLASSES] = 1.0
    edge = np.clip(image + EPS * np.where(np.indices(SHAPE).sum(axis=0) % 2, 1, -1), 0, 1)
    for pixels in (image, edge):
        assert [counterexample(asked, pixels, logits) for logits in (wrong, tie, right)] == [True, True, False]
    for at in np.ndindex(SHAPE):
        for beyond in (max(image[at] - EPS, 0) - 1e-9, min(image[at] + EPS, 1) + 1e-9):
            moved = image.copy()
            moved[at] = beyond
            assert not counterexample(asked, moved, wrong)


def test_the_list_names_every_property(folder: Path) -> None:
    """VNN-COMP's list has a line for each image: network, property, seconds. There is nothing else."""
    lines = (folder / "out" / "instances.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [f"mine.onnx,image_{row}.vnnlib,300" for row in (0, 2, 3)]
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(
        ["instances.csv", "mine.onnx", *(f"image_{row}.vnnlib" for row in (0, 2, 3))]
    )


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run the command; return its exit code and what it said on the error stream."""
    monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
    try:
        export.main()
    except SystemExit as end:
        return int(end.code or 0), capsys.readouterr().err
    return 0, capsys.readouterr().err


def test_the_pipelines_eps_is_the_default(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an eps the judged one counts; a second run takes the place of the first; others' files stay."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("evaluate: {eps: 0.125, attacks: {}, curve: {}}\n", encoding="utf-8")
    paths = folder / "mine.keras", folder / "mine.npz"
    for images in (2, 1):
        assert run(monkeypatch, capsys, *paths, "--images", images) == (0, "")
    out = tmp_path / "exported" / "mine"
    assert sorted(path.name for path in out.iterdir()) == ["image_0.vnnlib", "instances.csv", "mine.onnx"]
    assert "within eps 0.125" in (out / "image_0.vnnlib").read_text(encoding="utf-8")
    (out / "thesis.tex").touch()
    assert run(monkeypatch, capsys, *paths)[0] == 2
    assert len(list(out.iterdir())) == 4


@pytest.mark.fault("refused")
@pytest.mark.parametrize(("stem", "other"), [("mine", "yours"), ("[b]*", "best")])
def test_another_network_is_not_replaced(
    stem: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder is written anew if it holds this model's ONNX file, and stays if it holds that of another name."""
    monkeypatch.setattr(export, "export", lambda *_, **__: [0])
    asked = f"{stem}.keras", "mine.npz", "--eps", "0.1", "--output", tmp_path
    (tmp_path / f"{stem}.onnx").touch()
    assert run(monkeypatch, capsys, *asked) == (0, "")
    (tmp_path / f"{other}.onnx").touch()
    code, said = run(monkeypatch, capsys, *asked)
    assert code == 2
    assert f"holds {other}.onnx, which would be lost" in said


def test_a_missing_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the packages that write ONNX one line says which extra brings them."""
    monkeypatch.setattr(export, "find_spec", lambda _: None)
    said = "export: writing ONNX needs tf2onnx, which is not installed: pip install '.[export]'\n"
    asked = folder / "mine.keras", folder / "mine.npz", "--eps", "0.1", "--output", folder / "other"
    assert run(monkeypatch, capsys, *asked) == (2, said)
    assert not (folder / "other").exists()


def test_a_model_that_is_never_right_is_refused(folder: Path, images: ImageSet, tmp_path: Path) -> None:
    """There is nothing to ask about images that are wrong as they are."""
    np.savez(tmp_path / "wrong.npz", images=images.images[[WRONG]], labels=images.labels[[WRONG]])
    with pytest.raises(InputError, match="right, got none"):
        export.export(folder / "mine.keras", tmp_path / "wrong.npz", tmp_path / "out", eps=EPS, images=3)
    assert not (tmp_path / "out").exists()
