"""Say which of the packages that requirements.txt locks have known vulnerabilities, by the database of osv.dev.

pip-audit asks it, in an environment of its own that uv makes: nothing is added to the project's.
"""

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

from robust_digits.command import FAILED, guarded
from robust_digits.errors import InputError, named

_LOCKED = "requirements.txt"
_ASK = ("uv", "tool", "run", "--quiet", "pip-audit==2.10.1", "--vulnerability-service", "osv", "--format", "json")
_HOW = ("--disable-pip", "--require-hashes", "--strict", "--progress-spinner", "off", "--requirement", _LOCKED)


@guarded
def main() -> int:
    """Print what is known, and return 1 where something is."""
    parser = argparse.ArgumentParser(
        prog="python -m robust_digits.record.audit",
        description=__doc__,
        epilog="exit code: 0 nothing is known, 1 something is, 2 nobody could be asked",
    )
    parser.parse_args()
    packages = _audited()
    known = [line for package in packages for line in _lines(package)]
    print(*known, f"{len(packages)} packages, {len(known) or 'no'} known vulnerabilities", sep="\n")
    return FAILED if known else 0


def _audited() -> list[dict[str, Any]]:
    """Return every package with what is known of it.

    Raises
    ------
    InputError
        If there is nothing to ask about, or nobody to ask.
    """
    if not Path(_LOCKED).is_file():
        raise InputError(f"{_LOCKED}: no such file; run from the folder that holds it")
    try:
        done = subprocess.run([*_ASK, *_HOW], capture_output=True, text=True, check=False)  # noqa: S603 (our own words)
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except OSError as error:
        raise InputError(f"uv: {error.strerror}") from None
    except ValueError:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise InputError(f"no database of vulnerabilities could be asked; pip-audit said: {named(said)}") from None
    return found


def _lines(package: dict[str, Any]) -> list[str]:
    """Return a line for each vulnerability of a package."""
    return [
        f"{package['name']} {package['version']}: {each['id']}, "
        f"mended in {', '.join(each['fix_versions']) or 'no version yet'}"
        for each in package["vulns"]
    ]


if __name__ == "__main__":
    main()
