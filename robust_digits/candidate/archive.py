"""What a `.keras` file names, looked at before Keras is: nothing that comes with it is run."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robust_digits import archive
from robust_digits.errors import DAMAGED, InputError

_TORCH = (".pt", ".pth", ".ckpt", ".safetensors")


def refuse_foreign(path: Path) -> None:
    """Raise `InputError` unless the file is a Keras archive that names nothing but what Keras brings.

    Keras' safe mode refuses code too; this says which, and needs no class to be looked up for it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a model saved as .keras")
    if path.suffix in _TORCH or any(name.endswith("data.pkl") for name in _names(path)):
        raise InputError(f"{path}: a PyTorch file; expected a Keras model saved as .keras")
    if path.suffix != ".keras":
        raise InputError(f"{path}: not a Keras 3 model; expected a file that model.save('my.keras') wrote")
    for said in _named(archive.config(path)):
        module, name = str(said.get("module")), str(said["class_name"])
        if name in {"Lambda", "__lambda__"}:
            raise InputError(
                f"{path}: has a Lambda layer, code of its own that is not run; use layers of Keras instead"
            )
        if module != "builtins" and module.partition(".")[0] != "keras":
            known = str(said.get("registered_name") or name)
            raise InputError(
                f"{path}: has a custom object, {known}, whose code is not in the file; use layers of Keras instead"
            )


def _names(path: Path) -> list[str]:
    """Return the names in an archive; none where there is no archive to read."""
    try:
        with zipfile.ZipFile(path) as found:
            return found.namelist()
    except (*DAMAGED, OSError):
        return []


def _named(config: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 (whatever JSON holds)
    """Yield every object of a configuration that names its class, however deep it lies."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and (
                "module" in value or "lambda" in value["class_name"].lower()
            ):
                yield value
            left += value.values()
        elif isinstance(value, list):
            left += value
