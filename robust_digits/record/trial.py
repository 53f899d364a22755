"""Record what detectors did in a DVC experiment in a folder that git keeps: figures, checks, curves, what made them."""

import argparse
from pathlib import Path
from typing import Any

import yaml
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException

from robust_digits.command import guarded
from robust_digits.errors import InputError
from robust_digits.files import replacing
from robust_digits.judge import checks
from robust_digits.markup import code
from robust_digits.record import detection, machine
from robust_digits.record.record import commit

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
        params = yaml.safe_load(source.read_text("params.yaml"))
        params["data"]["source"] = Path(params["data"]["source"]).name  # the path is this machine's, not the reader's
        (temporary / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
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
    parser = argparse.ArgumentParser(prog="python -m robust_digits.record.trial", description=__doc__)
    parser.add_argument("experiment", help="name or revision of a DVC experiment")
    parser.add_argument("folder", type=Path, help="folder to write, such as docs/detection/mnist-quick")
    parser.add_argument("--command", required=True, help="what a reader types to make these results again")
    arguments = parser.parse_args()
    try:
        record(arguments.experiment, arguments.folder, command=arguments.command)
    except DvcException as error:
        raise InputError(f"{arguments.experiment}: {' '.join(str(error).split())}") from None
    print(f"{arguments.experiment} -> {arguments.folder}")


if __name__ == "__main__":
    main()
