"""What a run came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from gtmask.findings import Finding
from gtmask.groundtruth import class_map_file
from gtmask.manifest.writer import manifest_name
from gtmask.run.commit import CLASSES, MASKS, Tally
from gtmask.run.places import absolute
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from gtmask.class_map import ClassMap
    from gtmask.run.plan import Plan
    from gtmask.run.probe_cache import ProbeCache


#: Findings about an export after which all of its masks are to be doubted, or some are not there at all.
OF_THE_WHOLE = frozenset({
    "classes-foreign", "images-unread", "manifest-partial", "document-damaged", "file-unrecognised",
})  # fmt: skip
#: Findings about shapes that got no class.
_WITHOUT_CLASS = frozenset({"shape-no-label", "shape-unknown-label"})


#: What ``--json`` tells of a summary as it is.
_PLAIN = ("out", "manifest", "complete", "dry_run", "chunks", "resumed")


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update does to masks: ``made`` anew, ``kept`` as the run before it has made them.

    ``without_line`` masks are of images that the manifest names no more; they stay unless ``prune``.
    """

    made: int
    kept: int
    without_line: int
    prune: bool


@dataclass(slots=True)
class Summary:
    """What a run came to.

    ``tally`` covers the whole run where it is ``complete``, else the chunks of this start; ``resumed`` is
    the number of chunks that earlier starts had committed; ``manifest`` is None until it is assembled.
    """

    title: str
    out: str
    manifest: str | None
    tally: Tally
    classes: ClassMap
    chunks: int
    resumed: int
    findings: list[Finding]
    dry_run: bool = False
    #: What stands before image and mask keys in the manifest, and the folder of the images where it is known.
    image_prefix: str = ""
    mask_prefix: str = ""
    images: str = ""
    #: Of an update: what it does to the masks of the run before it.
    changes: Changes | None = None
    #: With ``--probe-cache``: how many heads of images were known to this start, and how many it has read.
    heads: tuple[int, int] | None = None

    @property
    def complete(self) -> bool:
        """Whether every chunk is committed and the manifest is there."""
        return self.manifest is not None

    @property
    def exit_code(self) -> int:
        """0 everything converted; 3 with rejects, or where something about all of the export went wrong."""
        doubtful = any(item.code in OF_THE_WHOLE for item in self.findings) or self._no_shape_has_a_class
        return 3 if self.tally.rejects or doubtful or self._nothing_was_read else 0

    @property
    def _no_shape_has_a_class(self) -> bool:
        """Whether there are shapes, and all masks are background for want of their classes."""
        return self.complete and not self.tally.shapes and bool(_WITHOUT_CLASS & self.tally.findings.keys())

    @property
    def _nothing_was_read(self) -> bool:
        """Whether there is no image at all, and something of the export was left out."""
        lost = any(item.level == "loss" for item in self.findings)
        return self.complete and not self.tally.records and lost

    @property
    def pixels(self) -> dict[int, int]:
        """Mask pixels by class id, for every class of the map: one without any is the sign of a wrong map."""
        counts = dict.fromkeys((0, *(entry.id for entry in self.classes.classes)), 0)
        return dict(sorted((counts | self.tally.pixels).items()))

    @property
    def uploads(self) -> list[tuple[str, str]]:
        """What is still to be copied: local folders, and the prefixes that the manifest names instead."""
        places = ((self.images, self.image_prefix), (f"{self.out}/{MASKS}", self.mask_prefix))
        return [
            (folder.rstrip("/"), prefix.rstrip("/"))
            for folder, prefix in places
            if is_s3(prefix) and not is_s3(folder)
        ]

    @property
    def retry_helps(self) -> bool:
        """Whether records were rejected for their images, which may be mended while the export stays."""
        return bool({"image-missing", "image-unreadable"} & self.tally.findings.keys())

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {
            "format": self.title,
            **{name: getattr(self, name) for name in _PLAIN},
            **({} if self.changes is None else {"update": asdict(self.changes)}),
            **({} if self.heads is None else {"heads": {"known": self.heads[0], "read": self.heads[1]}}),
            **self.tally.to_json(),
            "pixels": {str(value): count for value, count in self.pixels.items()},
            "export_findings": [{"code": item.code, "detail": item.detail} for item in self.findings],
            "classes": {entry.id: entry.name for entry in self.classes.classes},
        }


def summarize(
    plan: Plan,
    out: str,
    tally: Tally,
    *,
    resumed: int,
    complete: bool,
    dry_run: bool = False,
    images: str = "",
    changes: Changes | None = None,
    probes: ProbeCache | None = None,
) -> Summary:
    """Return the summary of a run that works by ``plan``."""
    manifest = f"{absolute(out)}/{manifest_name(plan.settings['label_attribute'])}"
    return Summary(
        title=plan.title,
        out=absolute(out),
        manifest=manifest if complete and not dry_run else None,
        tally=tally,
        classes=class_map_file.parse_class_map(plan.classes, CLASSES),
        chunks=plan.chunks,
        resumed=resumed,
        findings=[Finding(item["code"], item["detail"]) for item in plan.findings],
        dry_run=dry_run,
        image_prefix=plan.image_prefix,
        mask_prefix=plan.mask_prefix,
        images=images,
        changes=changes,
        heads=None if probes is None else (probes.known, probes.read),
    )
