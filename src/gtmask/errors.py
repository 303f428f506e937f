"""What stops a run: the exceptions, and the exit code that each one means.

    GtmaskError                   1  base of all
    ├── UsageError                2  wrong usage or settings
    │   ├── ClassMapError         2  a class map that cannot be used
    │   └── RunConflictError      2  the output belongs to a run with other settings
    ├── ExportError               2  the export cannot be read at all
    │   ├── UnknownFormatError    2  nothing is known that looks like this
    │   ├── ClassesLostError      3  the names of the classes stand behind a damage
    │   ├── DamagedExportError    1  the document breaks off or is malformed at a known byte
    │   └── ManifestError         2  a file that is no manifest, or a line of one that cannot be used
    ├── StrictError               1  --strict, and something would be lost or guessed
    ├── StorageError              1  a file or an object cannot be read or written
    │   ├── NotFoundError         2  there is no such file, object or bucket
    │   │   └── NoPlaceError      2  there is no such bucket, or no such folder: nor is anything in it
    │   ├── AccessError           2  it is there, or may be, and we are not let in
    │   │   └── CredentialsError  2  whatever is asked for: nobody knows who asks
    │   │       └── NoCredentialsError  2  there are none to ask with
    │   └── TransientError        1  throttling, resets, time-outs that outlasted every retry
    │       ├── ThrottledError    1  the server asks for fewer requests
    │       └── UnreachableError  1  no connection came about
    ├── ChangedError              1  what is read is no longer what it was when it was first looked at
    ├── WorkersLostError          1  worker processes die again and again
    ├── ProbeError                1  a file that is no image whose header can be read
    ├── PrepareError              1  an image of which no new images can be made
    └── PngError                  1  bytes that are no PNG of a mask; a ValueError, too

Exceptions are for stopping. What is wrong with single records or shapes is data: see
:mod:`gtmask.findings`. A run turns ``ProbeError``, ``PrepareError`` and ``PngError`` into findings of the
record, image or line that they concern.

Every message is one sentence that says what is wrong, where, and what to do; it names the option or field.
"""

from __future__ import annotations


class GtmaskError(Exception):
    """Base of every error that gtmask raises on purpose; the message is for the user."""

    exit_code = 1


class UsageError(GtmaskError):
    """Options or arguments that cannot be meant."""

    exit_code = 2


class ClassMapError(UsageError):
    """A class map that breaks a rule: ids outside 1..255, a name or colour twice, no TOML."""


class RunConflictError(UsageError):
    """The output folder holds a run with other settings or another source."""


class ExportError(GtmaskError):
    """An export that cannot be read at all."""

    exit_code = 2


class UnknownFormatError(ExportError):
    """No known format looks like this file."""


class DamagedExportError(ExportError):
    """A document that breaks off or is malformed.

    Attributes
    ----------
    offset
        Byte offset of the damage in the (decompressed) document, or None where it is not known.
    """

    exit_code = 1

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset


class ClassesLostError(ExportError):
    """A damaged document of which the class names are lost: nothing of it can become a mask as it is."""

    exit_code = 3


class ManifestError(ExportError):
    """A file that is no manifest, or a line of one that cannot be used."""


class StrictError(GtmaskError):
    """``--strict`` is set and a finding says that something is lost or guessed."""


class StorageError(GtmaskError):
    """A file or an object that cannot be read or written."""


class NotFoundError(StorageError):
    """There is no such file, object or bucket."""

    exit_code = 2


class NoPlaceError(NotFoundError):
    """There is no such bucket or folder, so that nothing in it says anything about a single file."""


class AccessError(StorageError):
    """Credentials, permissions or a signature were refused."""

    exit_code = 2


class CredentialsError(AccessError):
    """There are no credentials, or they are wrong or expired: all other requests would fail as this one."""


class NoCredentialsError(CredentialsError):
    """There are no credentials on this machine, so that nothing was asked."""


class TransientError(StorageError):
    """Throttling, resets or time-outs that outlasted every retry: run again later."""


class ThrottledError(TransientError):
    """The server asks for fewer requests."""


class UnreachableError(TransientError):
    """No connection came about."""


class ChangedError(GtmaskError):
    """A file or an object is no longer what it was when it was first looked at."""


class WorkersLostError(GtmaskError):
    """Worker processes died again and again, for want of memory or by somebody's hand."""


#: What says nothing about the data that was asked for, so that nobody may take it for a fault of theirs.
PASSING = (TransientError, CredentialsError, ChangedError)


class ProbeError(GtmaskError):
    """A file that is no image whose header can be read."""


class PrepareError(GtmaskError):
    """An image of which no new images can be made.

    Attributes
    ----------
    code
        The finding that it becomes.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class PngError(GtmaskError, ValueError):
    """Bytes that are no PNG, or a PNG that is damaged or cannot be a mask; one sentence says why."""
