"""Settings of detectors that cannot be are refused, each in one line."""

from typing import Any

import pytest

from robust_digits.detect.settings import Detectors, FalseAlarms
from robust_digits.errors import InputError
from robust_digits.params import Section, parse


class Detect(Section):
    """What detectors may be told."""

    detectors: Detectors
    false_alarms: FalseAlarms


SQUEEZING = {"bits": 1, "median": 2}


@pytest.mark.parametrize(
    ("detectors", "false_alarms", "said"),
    [
        ({}, [0.05], "detect.detectors: expected one detector at least, got {}"),
        ({"squeezing": SQUEEZING | {"bits": 9}}, [0.05], "squeezing.bits: expected less than or equal to 8, got 9"),
        ({"squeezing": SQUEEZING | {"median": 1}}, [0.05], "median: expected greater than or equal to 2, got 1"),
        ({"mahalanobis": {"ridge": 0.0}}, [0.05], "mahalanobis.ridge: expected greater than 0, got 0.0"),
        ({"squeezing": SQUEEZING}, [0.05, 0.05], "false_alarms: expected each share once, got [0.05, 0.05]"),
        ({"squeezing": SQUEEZING}, [], "false_alarms: expected at least 1 item"),
    ],
)
def test_a_refusal_is_one_line(detectors: dict[str, Any], false_alarms: list[float], said: str) -> None:
    """It names the key, what is legal and what was given."""

    class Params(Section):
        detect: Detect

    with pytest.raises(InputError) as caught:
        parse(Params, {"detect": {"detectors": detectors, "false_alarms": false_alarms}}, where="params.yaml")
    (line,) = str(caught.value).splitlines()
    assert said in line


def test_chosen_are_those_that_are_named() -> None:
    """One that is left out is not judged."""
    assert list(Detectors.model_validate({"squeezing": SQUEEZING}).chosen()) == ["squeezing"]
