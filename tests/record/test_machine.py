"""A machine has a name, and is of a kind."""

import re

from robust_digits.record import machine


def test_name_is_one_line() -> None:
    """The machine is named by its processor, its number of cores and its system."""
    assert re.fullmatch(r"\S.*, \d+ cores, \S+ \S+", machine.name())


def test_cores_make_no_other_kind() -> None:
    """Machines of one processor and system are of one kind, whatever the number of their cores."""
    kinds = {machine.kind(f"AMD EPYC, {cores} cores, Linux x86_64") for cores in (2, 64)}
    assert kinds == {"AMD EPYC, Linux x86_64"}
    assert machine.kind("Intel Xeon, 2 cores, Linux x86_64") not in kinds
    assert machine.kind("AMD EPYC, 2 cores, Darwin arm64") not in kinds
