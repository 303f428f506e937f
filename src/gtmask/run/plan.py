"""The frozen plan of a run: ``_gtmask/run.json``.

Whoever starts a run first writes it, once; every later start, on whatever machine, works by it or is
refused with a sentence that says what differs. It holds all that decides the output's bytes: settings,
class map, the rule that finds images, the source's fingerprint, and which image is whose where that is
contested.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from deflate import crc32

from gtmask._version import __version__
from gtmask.errors import NotFoundError, RunConflictError, UsageError
from gtmask.formats.remote_export import StorageExport
from gtmask.manifest.unfinished import RUN_FILE
from gtmask.manifest.writer import ManifestWriter
from gtmask.run.commit import CLASSES
from gtmask.run.journal import run_lost

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gtmask.class_map import ClassMap
    from gtmask.formats.export import Export
    from gtmask.storage.base import Entry, Storage

#: Settings that a start fills in where nobody gave them: those of the frozen plan count.
FILLED_IN = ("creation_date", "chunk_size")

#: Up to this many files, the fingerprint covers every byte; beyond it names, sizes and times only.
FILES_READ_WHOLE = 64
_PIECE = 8 << 20


@dataclass(frozen=True)
class Plan:
    """What was decided before the first record was painted.

    ``settings`` are those of :class:`gtmask.run.settings.Settings` with every default filled in;
    ``image_prefix`` and ``mask_prefix`` are what stands before keys in the manifest; ``classes`` is the
    class map as TOML; ``rule`` the image rule as JSON; ``findings`` are about the export as a whole.
    ``contested`` and what follows it are those of :class:`gtmask.run.clashes.Verdict`; ``sifted`` says that
    only the images' own names are known to give different mask keys. ``classes_given`` says that the class
    map is somebody's own, which no update adds to. Of an update, ``previous`` is the identity of the run that
    it goes on from, and ``states`` a digest of what all records are. ``prepared`` is that of the table of
    prepared images.
    """

    settings: dict[str, Any]
    image_prefix: str
    mask_prefix: str
    classes: str
    rule: dict[str, Any]
    fingerprint: str
    records: int
    title: str = ""
    contested: list[int] = field(default_factory=list)
    choices: list[int] = field(default_factory=list)
    long_keys: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    ambiguous: list[int] = field(default_factory=list)
    sifted: bool = False
    findings: list[dict[str, Any]] = field(default_factory=list)
    version: str = __version__
    classes_given: bool = False
    previous: str = ""
    states: str = ""
    prepared: str = ""

    @property
    def chunks(self) -> int:
        """How many chunks the run has."""
        size: int = self.settings["chunk_size"]
        return -(-self.records // size)

    @cached_property
    def identity(self) -> str:
        """What tells this run from others: a digest of all that decides the output's bytes.

        It is asked for at every chunk, and made once.
        """
        decisive = self._values()
        # What these two decide stands in the prefixes.
        decisive["settings"] = {k: v for k, v in self.settings.items() if k not in {"image_uri", "mask_uri"}}
        return hashlib.blake2b(orjson.dumps(decisive), digest_size=8).hexdigest()

    def class_map(self) -> ClassMap:
        """Return the class map."""
        from gtmask.groundtruth import class_map_file  # noqa: PLC0415 - workers get theirs with the job

        return class_map_file.parse_class_map(self.classes, CLASSES)

    def writer(self) -> ManifestWriter:
        """Return what makes the run's manifest lines.

        Raises UsageError if no manifest line can be made with this class map and these settings.
        """
        return ManifestWriter(
            self.class_map(),
            creation_date=self.settings["creation_date"],
            label_attribute=self.settings["label_attribute"],
            job_name=self.settings["job_name"],
            confidence=self.settings["confidence"],
        )

    def to_bytes(self) -> bytes:
        """Return the plan as JSON."""
        return orjson.dumps(self._values(), option=orjson.OPT_INDENT_2) + b"\n"

    def _values(self) -> dict[str, Any]:
        """Return the fields by name, without copying them."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def parse_plan(data: bytes) -> Plan:
    """Return the plan in the bytes of a ``run.json``; raises ValueError or TypeError for others."""
    return Plan(**orjson.loads(data))


async def load_plan(out: Storage) -> Plan | None:
    """Return the plan of the run that this output belongs to, or None where there is none.

    Raises RunConflictError if there is a ``run.json`` that this version cannot read.
    """
    data = await read_plan(out)
    return None if data is None else understood(out, data)


async def required_plan(out: Storage, remedy: str = "") -> Plan:
    """Return the plan of an output; raises as :func:`load_plan`, and UsageError where there is no run."""
    plan = await load_plan(out)
    if plan is None:
        raise UsageError(f"There is no run in {out.root}: {out.uri(RUN_FILE)} is missing{remedy}.")
    return plan


async def refuse_lost(out: Storage, plan: Plan) -> None:
    """Refuse to go on with a plan where another start has put its own into the output."""
    current = await load_plan(out)
    if current is None or current.identity != plan.identity:
        raise run_lost(out.root)


async def read_plan(out: Storage) -> bytes | None:
    """Return the bytes of the plan of an output, or None where there is none."""
    try:
        return await out.get(RUN_FILE)
    except NotFoundError:
        return None


def understood(out: Storage, data: bytes) -> Plan:
    """Return the plan of an output that these bytes are; raises as :func:`load_plan`."""
    try:
        return parse_plan(data)
    except (ValueError, TypeError):
        raise RunConflictError(
            f"{out.uri(RUN_FILE)} was not written by this version of gtmask ({__version__}): go on with the "
            "version that wrote it, choose another --out, or start anew with --overwrite."
        ) from None


async def freeze(out: Storage, plan: Plan, filled_in: Collection[str] = FILLED_IN) -> Plan:
    """Write the plan unless another start has written one just now; return the one that counts.

    - ``filled_in``: names of settings that nobody gave.
    """
    if await out.put_if_absent(RUN_FILE, plan.to_bytes(), "application/json"):
        return plan
    frozen = await load_plan(out)
    assert frozen is not None
    wanted = {name: None if name in filled_in else value for name, value in plan.settings.items()}
    prefixes = {"image_prefix": plan.image_prefix, "mask_prefix": plan.mask_prefix}
    refuse_other(frozen, wanted | prefixes, out.uri(RUN_FILE))
    verdict = ("contested", "choices", "long_keys", "duplicates", "ambiguous")
    for name in ("classes", "fingerprint", "records", *verdict, "rule", "prepared"):
        if getattr(frozen, name) != getattr(plan, name):
            raise RunConflictError(
                f"{out.uri(RUN_FILE)} was written at the same moment by a start that found other {name}: "
                "choose another --out."
            )
    return frozen


def refuse_other(plan: Plan, wanted: dict[str, Any], out: str) -> None:
    """Compare a plan with what this start wants.

    ``wanted`` has the keys of the plan's settings, ``image_prefix``, ``mask_prefix``, ``fingerprint`` and
    ``version``; a value of None in a setting that the plan filled in means "as it was". Raises
    RunConflictError if anything differs, with a sentence that names all of it.
    """
    frozen = {**plan.settings, "image_prefix": plan.image_prefix, "mask_prefix": plan.mask_prefix,
              "fingerprint": plan.fingerprint, "version": plan.version, "classes": plan.classes,
              "prepared": plan.prepared}  # fmt: skip
    names = {"fingerprint": "the export's content", "version": "gtmask's version", "classes": "the class map",
             "only": "the images that --only names", "image_prefix": "the image prefix",
             "mask_prefix": "the mask prefix", "prepared": "the table of prepared images"}  # fmt: skip
    changes = []
    for name, value in wanted.items():
        if value == frozen.get(name) or (value is None and name in {*FILLED_IN, "classes"}):
            continue
        title = names.get(name, "--" + name.replace("_", "-"))
        is_long = name in {"fingerprint", "classes", "prepared", "only"}
        changes.append(title if is_long else f"{title} was {_shown(frozen.get(name))} and is {_shown(value)}")
    if changes:
        go_on = "Use the same again to go on"
        if changes and {*changes} <= {names["fingerprint"], names["prepared"]}:
            go_on = "Convert what is new or changed with --update"
        raise RunConflictError(
            f"{out} holds a run that differs from this one: {'; '.join(changes)}. {go_on}, choose another "
            "--out, or start anew with --overwrite."
        )


def _shown(value: object) -> str:
    """Return a setting's value as who typed it knows it."""
    if value is None or value is False:
        return "not given"
    if isinstance(value, list):
        return " and ".join(map(str, value)) or "not given"
    return "given" if value is True else str(value)


def fingerprint(export: Export) -> str:
    """Return a digest that changes when the export does.

    It covers every byte of exports of up to :data:`FILES_READ_WHOLE` files (by CRC-32, at several GB/s),
    else the files' names, sizes and modification times, their ETags in S3 or their checksums in archives.
    """
    digest = hashlib.blake2b(digest_size=16)
    first = list(islice(export.names(), FILES_READ_WHOLE + 1))
    if len(first) > FILES_READ_WHOLE:
        stamps = map(stamp, export.entries()) if isinstance(export, StorageExport) else _stamps(export)
    else:
        stamps = (
            f"{name}\0{export.size(name)}\0{_crc(export, name):08x}\n".encode("utf-8", "surrogatepass")
            for name in first
        )
    for line in stamps:
        digest.update(line)
    return digest.hexdigest()


def join_fingerprints(digests: Sequence[str]) -> str:
    """Return the digest of exports that are read as one, in their order; of one alone it is its own."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.blake2b("\n".join(digests).encode(), digest_size=16).hexdigest()


def stamp(entry: Entry) -> bytes:
    """Return what the fingerprint of an export of many objects covers of each one."""
    return f"{entry.key}\0{entry.size}\0{entry.etag}\n".encode("utf-8", "surrogatepass")


def _stamps(export: Export) -> Iterator[bytes]:
    """Yield the names of files, their sizes, and their modification times, or checksums in archives."""
    for name in export.names():
        path = export.path(name)
        changed = path.stat().st_mtime_ns if path is not None else export.checksum(name)
        yield f"{name}\0{export.size(name)}\0{changed}\n".encode("utf-8", "surrogatepass")


def _crc(export: Export, name: str) -> int:
    value = 0
    size = export.size(name)
    for start in range(0, size, _PIECE):
        value = crc32(export.read(name, start, min(start + _PIECE, size)), value)
    return value
