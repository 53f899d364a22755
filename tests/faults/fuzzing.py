"""How many inputs the tests of this folder try, and how many they have tried."""

import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from hypothesis import settings

VARIABLE = "ROBUST_DIGITS_FUZZ"  # so many times the usual number of inputs: 100 for a night
TRIED: Counter[str] = Counter()  # inputs by the name of the test

Test = TypeVar("Test", bound=Callable[..., Any])


def examples(number: int) -> Callable[[Test], Test]:
    """Return a decorator, to stand above `given`, that tries a test on so many inputs and counts them."""

    def decorated(test: Test) -> Test:
        handle: Any = test
        inner = handle.hypothesis.inner_test

        @wraps(inner)
        def counted(*args: object, **kwargs: object) -> None:
            TRIED[inner.__name__] += 1
            inner(*args, **kwargs)

        handle.hypothesis.inner_test = counted
        return settings(max_examples=number * int(os.environ.get(VARIABLE, "1")))(test)

    return decorated
