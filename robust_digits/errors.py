"""The one exception that means: the user gave something that cannot work."""


class InputError(ValueError):
    """A parameter, file or download is not what it must be.

    The message is one line: what was expected, what was given, and where to mend it. Stages print it without a
    traceback; every other exception is a fault of ours and keeps its traceback.
    """
