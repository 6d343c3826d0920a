"""Errors that a user can act on: one line that says what, where, and what to do."""


class T3dError(Exception):
    """Base of every error t3d raises on purpose; the command line prints it as one line."""


class UsageError(T3dError):
    """The command, a setting or the data set named on it is wrong. Nothing was run."""


class DataError(T3dError):
    """One shape cannot be processed: recorded with its reason, counted, the others go on."""


class StoreError(T3dError):
    """The store cannot be read or written: a full disk, a read-only folder, a torn file."""
