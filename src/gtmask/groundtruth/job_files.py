"""The files of planned jobs: what is in them, where they are written, uploaded, and found again as they were.

In a folder they stand beside the requests; in S3, below the prefix of the upload. Sources of the worker
template and the label categories: Developer Guide, sms-ui-template-crowd-semantic-segmentation (widget,
``initial-value``), sms-custom-templates-step2 (Liquid filters, ``grant_read_access``),
sms-create-labeling-job-api and sms-label-cat-config-attributes (label category file). There is no ready-made
UI for image tasks that the API could name: UiTemplateS3Uri must point at a template.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from gtmask.errors import NotFoundError, UsageError
from gtmask.groundtruth.manifest_file import BLOCK, ManifestReader
from gtmask.manifest.contract import BACKGROUND, COLOR_MAP, METADATA_SUFFIX
from gtmask.manifest.grid import GRID, JOB_FILES
from gtmask.storage import is_s3, open_storage
from gtmask.storage.outputs import OwnFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container, Sequence

    from gtmask.groundtruth.job_plan import JobPlan, JobShare
    from gtmask.storage.base import S3Settings, Storage


CATEGORIES = "labels.json"
TEMPLATE = "template.liquid.html"
REQUEST = ".request.json"


def refuse_others(out: str, plan: JobPlan) -> None:
    """Refuse a folder with the requests of other jobs, whose labels and template would be overwritten."""
    if is_s3(out):
        return
    others = sorted(
        path.name
        for path in Path(out).glob(f"*{REQUEST}")
        if path.name.removesuffix(REQUEST) not in plan.requests
    )
    if others:
        raise UsageError(
            f"--out {out} holds the files of another job ({others[0]}): choose another folder or remove them."
        )


async def write_files(
    plan: JobPlan, source: ManifestReader, out: str, s3: S3Settings | None, *, overwrite: bool
) -> None:
    """Write everything that will be uploaded, and the requests."""
    keys = [
        CATEGORIES,
        TEMPLATE,
        *(part.file for part in plan.parts),
        *(f"{name}{REQUEST}" for name in plan.requests),
    ]
    async with open_storage(out, s3) as storage:
        own = OwnFiles(storage, JOB_FILES, {GRID: source.grid})
        await own.begin(keys, "--out", overwrite=overwrite)
        await put_files(plan, source, storage)
        for name, request in plan.requests.items():
            data = orjson.dumps(request, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            await storage.put(f"{name}{REQUEST}", data, "application/json")
        await own.end(keys)
        await storage.sync()


async def put_files(
    plan: JobPlan, source: ManifestReader, storage: Storage, *, leave: Container[str] = ()
) -> None:
    """Put manifest(s), template and label categories into a storage, but for the manifests of some jobs."""
    await storage.put(CATEGORIES, plan.files[CATEGORIES], "application/json")
    await storage.put(TEMPLATE, plan.files[TEMPLATE], "text/html")
    for part in plan.parts:
        if part.job in leave:
            continue
        await storage.put_stream(part.file, _pieces(source, part), "application/x-ndjson")


async def upload_files(
    plan: JobPlan,
    source: ManifestReader,
    storage: Storage,
    *,
    leave: Container[str] = (),
    overwrite: bool = False,
) -> None:
    """Put the same files below the prefix of the upload, where nobody else's are in their places.

    Raises UsageError where one of them is there and gtmask did not write it, and ``overwrite`` is not set.
    """
    keys = [CATEGORIES, TEMPLATE, *(part.file for part in plan.parts if part.job not in leave)]
    own = OwnFiles(storage, JOB_FILES, {GRID: source.grid})
    await own.begin(keys, "--upload", overwrite=overwrite)
    await put_files(plan, source, storage, leave=leave)
    await own.end(keys)


async def _pieces(source: ManifestReader, part: JobShare) -> AsyncIterator[bytes]:
    for start in range(part.start, part.stop, BLOCK):
        yield source.read(start, min(BLOCK, part.stop - start))


async def is_uploaded(part: JobShare, source: ManifestReader, storage: Storage) -> bool:
    """Say whether the manifest that was uploaded for a job is that of the plan, byte by byte."""
    try:
        if await storage.size(part.file) != part.stop - part.start:
            return False
        for start in range(part.start, part.stop, BLOCK):
            stop = min(start + BLOCK, part.stop)
            there = await storage.get(part.file, start - part.start, stop - part.start)
            if there != source.read(start, stop - start):
                return False
    except NotFoundError:
        return False
    return True


#: Developer Guide, sms-label-cat-config-attributes: the version of image jobs.
_DOCUMENT_VERSION = "2018-11-28"

# The attribute is delimited by single quotes and holds JSON: texts go through `to_json | escape`, which
# encodes quotes of both kinds and & as HTML, so that the browser hands exactly that JSON to the widget.
# Keys are named in brackets, since label attributes have hyphens. The old labels come from the line, so
# that names and colours are those of its mask.
_TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>@TITLE@</title>
<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>
</head>
<body>
<crowd-form>
  <crowd-semantic-segmentation
    name="crowd-semantic-segmentation"
    src="{{ task.input.taskObject | grant_read_access }}"
    header="@TITLE@"
    labels="{{ task.input.labels | to_json | escape }}"
    initial-value='{"src": "{{ task.input.manifestLine['@ATTRIBUTE@'] | grant_read_access }}",
      "labelMappings": {
      {%- assign separator = "" -%}
      {%- assign metadata = task.input.manifestLine['@METADATA@'] -%}
      {%- for entry in metadata['@COLOR_MAP@'] -%}
        {%- if entry[1]['class-name'] != '@BACKGROUND@' -%}
          {{ separator }}
          {{ entry[1]['class-name'] | to_json | escape }}:
          {"color": {{ entry[1]['hex-color'] | to_json | escape }}}
          {%- assign separator = "," -%}
        {%- endif -%}
      {%- endfor -%}
      }}'
  >
    <full-instructions header="@TITLE@">
      <p>@DESCRIPTION@</p>
      <ol>
        <li>The image opens with labels already painted. Compare each painted area with the image.</li>
        <li>Correct areas that are missing, too large, too small, or of the wrong class.</li>
        <li>Leave what is right as it is, and submit.</li>
      </ol>
    </full-instructions>
    <short-instructions>
      <p>@DESCRIPTION@</p>
    </short-instructions>
  </crowd-semantic-segmentation>
</crowd-form>
</body>
</html>
"""


def worker_template(attribute: str, title: str, description: str) -> str:
    """Return the Liquid template of a job that adjusts the labels of ``attribute``.

    Title and description are plain text; they are escaped for HTML and for Liquid.
    """
    values = {
        "ATTRIBUTE": attribute,
        "METADATA": attribute + METADATA_SUFFIX,
        "COLOR_MAP": COLOR_MAP,
        "BACKGROUND": BACKGROUND,
        "TITLE": _plain(title),
        "DESCRIPTION": _plain(description),
    }
    text = _TEMPLATE
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def label_categories(names: Sequence[str]) -> bytes:
    """Return the label category file: every class but BACKGROUND, in the order of the class map.

    It must hold all labels of the job being adjusted (Developer Guide, sms-verification-data).
    """
    labels = [{"label": name} for name in names]
    return orjson.dumps({"document-version": _DOCUMENT_VERSION, "labels": labels})


def _plain(text: str) -> str:
    """Escape text for HTML; braces become character references, so that Liquid sees no tag."""
    return html.escape(text).replace("{", "&#123;").replace("}", "&#125;")
