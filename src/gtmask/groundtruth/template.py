"""The worker template of an adjustment job, and the label category file that goes with it.

Sources: Developer Guide, sms-ui-template-crowd-semantic-segmentation (widget, ``initial-value``),
sms-custom-templates-step2 (Liquid filters, ``grant_read_access``), sms-create-labeling-job-api and
sms-label-cat-config-attributes (label category file). There is no ready-made UI for image tasks that
the API could name: UiTemplateS3Uri must point at a template.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import orjson

from gtmask.manifest.contract import BACKGROUND, COLOR_MAP, METADATA_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

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
