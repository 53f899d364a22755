"""Print every accuracy of a revision as OpenMetrics, in which GitLab compares the figures of merge requests."""

import argparse
from pathlib import Path

from robust_digits import files
from robust_digits.command import guarded
from robust_digits.history import revisions
from robust_digits.history.results import Results, view_of

_NAME = "robust_digits_accuracy"


def text(results: Results) -> str:
    """Return a line for each accuracy, by model and view; what is certified is a view too."""
    lines = [
        f'{_NAME}{{model="{_quoted(name.partition(".")[0])}",view="{_quoted(view_of(name))}"}} {share.value:g}'
        for name, share in results.figures.items()
    ]
    return "\n".join([f"# TYPE {_NAME} gauge", *lines, "# EOF"]) + "\n"


def _quoted(label: str) -> str:
    """Return the value of a label, in which a quotation mark or a new line would begin another one."""
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@guarded
def main() -> None:
    """Print the figures, or write them to a file."""
    parser = argparse.ArgumentParser(prog="python -m robust_digits.record.openmetrics", description=__doc__)
    parser.add_argument("--here", metavar="REVISION", help="whose (default: the working tree; HEAD if bare)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write them, instead of to the terminal")
    arguments = parser.parse_args()
    repository = revisions.repository()
    revision = repository.at(repository.commit(arguments.here)) if arguments.here else repository.here()
    said = text(Results(revision))
    if arguments.output:
        files.write(arguments.output, said)
    else:
        print(said, end="")


if __name__ == "__main__":
    main()
