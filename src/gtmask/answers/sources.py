"""Which output manifests are read: files, globs, and the output folders of jobs.

A job's folder holds manifests of its work in progress too; ``manifests/output/output.manifest`` is the one
that counts (Developer Guide, sms-data-output).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.errors import ManifestError, NotFoundError, UsageError
from gtmask.formats.locate import open_export
from gtmask.groundtruth.manifest_file import ManifestReader
from gtmask.manifest.unfinished import PARTIAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gtmask.formats.export import Export
    from gtmask.storage.base import S3Settings

_OUTPUT = "manifests/output/output.manifest"


def open_manifests(locations: Sequence[str], s3: S3Settings) -> list[ManifestReader]:
    """Open the output manifests at some locations, each once.

    Raises UsageError: no location. Raises NotFoundError: a location without an output manifest. Raises
    ManifestError: only the growing manifest of an unfinished run is there.
    """
    if not locations:
        raise UsageError("No output manifest is given: name a MANIFEST, or a job with --job.")
    found: dict[str, ManifestReader] = {}
    for location in locations:
        export = open_export(location, s3)
        names = [name for name in export.names() if name.endswith(".manifest")]
        outputs = [name for name in names if name == _OUTPUT or name.endswith("/" + _OUTPUT)]
        single = list(export.names())[:2] == names[:2] and len(names) == 1
        chosen = names if single or not outputs else outputs
        if not chosen and (partial := next((name for name in export.names() if name.endswith(PARTIAL)), "")):
            raise ManifestError(
                f"{location}: {partial} is of a run of `gtmask convert` that is not finished, and no job "
                "has answered it: finish the run, send its manifest to a job, and name what that writes."
            )
        if not chosen:
            raise NotFoundError(
                f"{location} has no output manifest: name the file, or the job's output folder."
            )
        for name in chosen:
            reader = _reader(export, location, name)
            found.setdefault(reader.location, reader)
    return list(found.values())


def _reader(export: Export, location: str, name: str) -> ManifestReader:
    shown = location if location.endswith(name) else f"{location.rstrip('/')}/{name}"
    return ManifestReader(
        shown, export.size(name), lambda start, length: export.read(name, start, start + length)
    )
