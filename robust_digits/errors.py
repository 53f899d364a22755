"""The one exception that means: the user gave something that cannot work. And how its message shows what was given."""

import lzma
import reprlib
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable

DAMAGED = (  # what is raised where a packed file, or an array in one, is not what it must be
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(ValueError, LookupError, TypeError, EOFError, OverflowError),
    *(SyntaxError, tokenize.TokenError),  # the header of an array reaches Python's own parser
    *(RuntimeError, NotImplementedError),  # encrypted; packed in a way that Python does not know
)
_LONGEST, _LONGEST_LINE = 200, 1000  # characters of a value, and of all that somebody else has to say
_MOST = 10  # names of a list

_values = reprlib.Repr()  # which looks at no more of a value than it shows
_values.maxstring = _values.maxother = _LONGEST
_values.maxlist = _values.maxtuple = _values.maxdict = _values.maxset = _MOST


class InputError(ValueError):
    """A parameter, file or download is not what it must be.

    The message is one line: what was expected, what was given, and where to mend it. Stages print it without a
    traceback; every other exception is a fault of ours and keeps its traceback.
    """


def shown(value: object) -> str:
    """Return a value as Python writes it, in one line that is cut where it is long."""
    try:
        return _cut(_values.repr(value))
    except ValueError:
        return "a number too long to print"  # Python writes no integer of more than 4300 digits


def named(name: object) -> str:
    """Return a name as it is, or where it has what does not print, as Python writes it; cut where it is long."""
    text = str(name)
    return _cut(text) if text.isprintable() else shown(text)


def listed(names: Iterable[object]) -> str:
    """List names, each once, the first ones of many."""
    once = list(dict.fromkeys(names))
    rest = f", ... ({len(once)} in all)" if len(once) > _MOST else ""
    return ", ".join(map(named, once[:_MOST])) + rest or "nothing"


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line that is cut where it is long."""
    return named((str(error).splitlines() or [type(error).__name__])[0])


def in_one_line(error: BaseException) -> str:
    """Return all that an error says, in one line that prints: where it is long, the reason stands at its end."""
    return printable(_cut(" ".join(str(error).split()), most=_LONGEST_LINE))


def printable(text: str) -> str:
    """Return a text in which what does not print stands as Python writes it."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _cut(text: str, *, most: int = _LONGEST) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
