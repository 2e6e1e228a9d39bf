"""What can go wrong with the database, and how a driver's words become one of these.

RunnerError
└── StorageError
    ├── ValueRefusedError       a float as money, a time without a zone
    ├── DatabaseUrlError        the URL can't be read, or names what isn't supported
    ├── DatabaseUnreachableError
    ├── DatabaseLockedError     somebody else has been writing for too long, or the same crosswise
    ├── DatabaseFullError       the disk is full; nothing was written
    ├── DatabaseCorruptError    the file is damaged, or is no database
    └── DatabaseVersionError    its tables are those of a newer version
"""

from __future__ import annotations

from runner.errors import RunnerError


class StorageError(RunnerError):
    """The root of what can go wrong with the database."""


class ValueRefusedError(StorageError, ValueError):
    """A value that would not come back as it went in."""


class DatabaseUrlError(StorageError):
    """The database's URL can't be used."""


class DatabaseUnreachableError(StorageError):
    """The database does not answer."""


class DatabaseLockedError(StorageError):
    """Another process held the write lock for too long, or each waited for the other's."""


class DatabaseFullError(StorageError):
    """There is no room to write; what is there is intact."""


class DatabaseCorruptError(StorageError):
    """The file is damaged or is no database."""


class DatabaseVersionError(StorageError):
    """The tables are those of a version that this one does not know."""


_SIGNS: tuple[tuple[str, type[StorageError], str], ...] = (
    ("database is locked", DatabaseLockedError, "stop the other process, or try again"),
    ("disk is full", DatabaseFullError, "make room; nothing of this transaction was written"),
    ("disk i/o error", DatabaseFullError, "look at the disk; nothing of this was written"),
    ("no space left", DatabaseFullError, "make room; nothing of this transaction was written"),
    ("malformed", DatabaseCorruptError, "restore a backup; do not delete the file"),
    ("not a database", DatabaseCorruptError, "restore a backup, or name another file"),
    ("unable to open database", DatabaseUnreachableError, "look at the path and its rights"),
    ("readonly database", DatabaseUnreachableError, "the file must be writable"),
    ("read-only transaction", DatabaseUnreachableError, "name the server that may be written to"),
    ("the database system is", DatabaseUnreachableError, "it is not ready; try again"),
    ("too many clients", DatabaseUnreachableError, "it takes no more connections; try again"),
    ('database "', DatabaseUnreachableError, "is its name right?"),
    ('role "', DatabaseUnreachableError, "is the user's name right?"),
    ("password authentication failed", DatabaseUnreachableError, "is the password right?"),
    ("deadlock detected", DatabaseLockedError, "try again; nothing of this was written"),
    ("could not serialize", DatabaseLockedError, "try again; nothing of this was written"),
    ("connect", DatabaseUnreachableError, "is the server running, and are name and rights right?"),
)


def translated(error: Exception, where: str) -> StorageError | None:
    """A driver's error in our words; None if it is none of those known.

    `where` names the database without its password.
    """
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split())
    if isinstance(cause, OSError):
        return DatabaseUnreachableError(f"the database {where} can't be reached: {text}")
    for sign, kind, advice in _SIGNS:
        if sign in text.lower():
            return kind(f"the database {where}: {text}; {advice}")
    return None
