"""Say what this branch did to robustness: compare its results with those of the commit where it left its base.

Reads git alone: no DVC cache is needed, and nothing is run, but with --rejudge. What must hold is in gate.yaml, as it
was at the base or as it is here, whichever is stricter.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from robust_digits import files
from robust_digits.command import guarded
from robust_digits.errors import InputError
from robust_digits.history import limits, lineage, revisions
from robust_digits.history.results import Results
from robust_digits.judge import scoring
from robust_digits.report import comparison, headline, rejudging, sections
from robust_digits.report.comparison import Change, Comparison

_CODES = """exit code:
  0  nothing that must hold regressed
  1  a regression, or a check of the evaluation that is red
  2  could not compare: a revision or a file that cannot be read, results that are not those of the commit, or models
     that were judged otherwise than at the base (--rejudge)
"""
REJUDGE = "where the attacks, the data or the checks moved, judge the base's models by those of the working tree"


def compare(base: str, here: str | None, *, rejudge: bool = False) -> Comparison:
    """Compare a revision, or the working tree, with the commit where it left `base`.

    With `rejudge`, the models of the base are judged again where they were judged otherwise than those here.

    Raises
    ------
    InputError
        If a revision or one of its files cannot be read, if the results are not those of the code beside them, or if
        the base cannot be judged again.
    """
    repository = revisions.repository()
    revision = repository.here() if here is None else repository.at(repository.commit(here))
    origin = repository.at(repository.merge_base(repository.commit(base), revision.commit))
    stale = lineage.stale(revision)
    if stale:
        more = f" (and {len(stale) - 1} more)" if len(stale) > 1 else ""
        raise InputError(f"the results are not those of {revision.label}: {stale[0]}{more}; `dvc repro`, then commit")
    held = limits.judging(origin, revision)
    found = comparison.compare(Results(origin), Results(revision), held)
    if not (rejudge and found.protocol):
        return found
    again = rejudging.rejudged(found.base, found.here, repository.root)
    return comparison.compare(found.base, found.here, held, again=again)


def document(found: Comparison) -> dict[str, Any]:
    """Return the comparison as plain values, for JSON."""
    said = headline.headline(found)
    return {
        "verdict": said.text,
        "code": said.code,
        "exit_code": said.exit_code,
        "base": found.base.revision.commit,
        "here": found.here.revision.commit,
        "uncommitted_changes": found.here.revision.changed,
        "rejudged": found.rejudged,
        "same_models": found.same_models,
        "figures": [_figure(change, found) for change in found.figures],
        "checks": [asdict(verdict) for verdict in found.checks],
        "stages": [asdict(stage) for stage in found.stages],
        **{name: getattr(found, name) for name in ("params", "packages", "gate", "protocol", "idle")},
    }


def _figure(change: Change, found: Comparison) -> dict[str, Any]:
    """Return one figure as plain values, with the 95% intervals of both sides."""
    sides = {"base": found.base.figures.get(change.name), "here": found.here.figures.get(change.name)}
    intervals = {
        f"{side}_interval": scoring.interval(round(share.value * share.images), share.images) if share else None
        for side, share in sides.items()
    }
    return asdict(change) | {"limit": change.limit.model_dump()} | intervals


@guarded
def main() -> int:
    """Write the report and return its code."""
    parser = argparse.ArgumentParser(
        prog="python -m robust_digits.report.report",
        description=__doc__,
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--base", default="main", help="the branch that this one is to be merged into (default: main)")
    parser.add_argument("--here", metavar="REVISION", help="what to judge (default: the working tree; HEAD if bare)")
    parser.add_argument("--rejudge", action="store_true", help=REJUDGE)
    parser.add_argument("--json", action="store_true", help="for machines, instead of Markdown")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write it, instead of to the terminal")
    arguments = parser.parse_args()
    try:
        found = compare(arguments.base, arguments.here, rejudge=arguments.rejudge)
        text = _json(document(found)) if arguments.json else sections.report(found, base=arguments.base)
    except InputError as error:  # whoever reads the report alone must see it too
        said = headline.refused(str(error))
        refused = {"verdict": said.text, "code": said.code, "exit_code": said.exit_code}
        _write(_json(refused) if arguments.json else sections.failure(str(error)), arguments.output)
        raise
    _write(text, arguments.output)
    return headline.headline(found).exit_code


def _write(text: str, path: Path | None) -> None:
    """Write to a file, or to the terminal."""
    if path is None:
        print(text, end="")
    else:
        files.write(path, text)


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    main()
