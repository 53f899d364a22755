"""What the tests of this room share."""

from support.sources import cache, raw

__all__ = ["cache", "raw"]
