"""Record what detectors did in a DVC experiment in a folder that git keeps: figures, checks, curves, what made them."""

from pathlib import Path
from typing import Any

from dvc.api import DVCFileSystem

from robust_digits.command import guarded
from robust_digits.document import detection
from robust_digits.errors import InputError
from robust_digits.files import replacing
from robust_digits.judge import checks
from robust_digits.markup import code
from robust_digits.record import machine
from robust_digits.record.record import asked, commit, parameters

_RESULTS = ("metrics.json", "details.json", "sanity.json", "roc.png")


def record(experiment: str, folder: Path, *, command: str) -> None:
    """Replace `folder` by what detectors did in an experiment and a README.md on how it was made.

    `command` is what a reader types to make it again.

    Raises
    ------
    InputError
        If there is no such experiment or revision, or no detectors were tried in it.
    """
    origin = commit(experiment)  # an experiment that is not here is refused before DVC is asked for its files
    source = DVCFileSystem(rev=experiment)
    with replacing(folder) as temporary:
        temporary.mkdir()
        for name in _RESULTS:
            if not source.exists(f"detection/{name}"):
                raise InputError(f"{experiment}: no detection/{name}; `make detect` makes it")
            source.get_file(f"detection/{name}", str(temporary / name))
        params = parameters(source, temporary)
        page = _page(folder.name, temporary, params, command=command, origin=origin)
        (temporary / "README.md").write_text(page, encoding="utf-8")


def _page(name: str, folder: Path, params: dict[str, Any], *, command: str, origin: str) -> str:
    tables = checks.load(folder / "sanity.json").values()
    passed = [check.passed for table in tables for check in table.values()]
    return f"""# Detectors: {name}

Made by {code(command)} at commit `{origin}`, with the parameters in [params.yaml](params.yaml), of
{code(params["data"]["source"])}, on {machine.name()}.

<!-- detection: . -->
{detection.table(folder)}<!-- end -->

Attacks within eps {params["evaluate"]["eps"]}, the transfer set within {params["craft"]["eps"]}. {sum(passed)} of
{len(passed)} checks are green ([sanity.json](sanity.json)). What each column is: [detection.md](../../detection.md).

![ROC curves](roc.png)
"""


@guarded
def main() -> None:
    """Read the command line."""
    asked(
        record, prog="python -m robust_digits.record.trial", description=__doc__, such_as="docs/detection/mnist-quick"
    )


if __name__ == "__main__":
    main()
