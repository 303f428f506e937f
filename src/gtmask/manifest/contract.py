"""What Ground Truth prescribes: limits, patterns and fixed words, each with the page that says so.

Pages of the SageMaker Developer Guide are named as they end in the address
``https://docs.aws.amazon.com/sagemaker/latest/dg/<page>.html``; "API" is CreateLabelingJob,
``https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateLabelingJob.html``; "Lookout for
Vision" is the page manifest-file-segmentation of that service's guide, which specifies the same form.
What is only observed in real Ground Truth files, or inferred from them, says so.
"""

from __future__ import annotations

import re

# --- the manifest -----------------------------------------------------------------------------------
#: Developer Guide, sms-input-data-input-manifest: the key of the image.
SOURCE_REF = "source-ref"
#: The same page: the key of an inline text. A line has one of the two.
SOURCE = "source"
#: Developer Guide, sms-data-output: label attribute + this is the key of the metadata.
METADATA_SUFFIX = "-metadata"
#: API, LabelAttributeName: semantic segmentation attributes end so.
ATTRIBUTE_SUFFIX = "-ref"
#: Developer Guide, sms-data-output: the key of the class map on every line.
COLOR_MAP = "internal-color-map"
#: Developer Guide, sms-verification-data: the console lists only attributes of the task's type.
SEGMENTATION_TYPE = "groundtruth/semantic-segmentation"
#: Lookout for Vision: class 0 is exactly this name in exactly this colour. The worker template of the
#: Developer Guide, sms-ui-template-crowd-semantic-segmentation, leaves it out by the same spelling.
BACKGROUND = "BACKGROUND"
BACKGROUND_COLOR = "#ffffff"
#: Inferred from the 256 palette entries of real masks: background and 255 classes.
MAX_CLASS_ID = 255
#: Lookout for Vision API, PixelAnomaly: a number sign and six digits. Real files use lower case.
HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
#: Developer Guide, sms-input-data-input-manifest: characters of one line's JSON object.
MAX_LINE_CHARACTERS = 100_000
#: Developer Guide, sms-input-data-input-manifest: characters of one attribute, metadata included.
MAX_ATTRIBUTE_CHARACTERS = 20_000
#: Developer Guide, sms-verification-data: what an adjustment job writes about each line.
ADJUSTMENT_STATUS = "adjustment-status"
#: Observed in output manifests: present on the metadata of an object that failed.
FAILURE_REASON = "failure-reason"
#: Developer Guide, sms-data-output: what stands beside the class map in the metadata.
JOB_NAME_KEY = "job-name"
HUMAN_ANNOTATED = "human-annotated"
CREATION_DATE = "creation-date"
#: The same page: where a labeling job leaves its results below its output.
JOB_OUTPUT = "manifests/output/output.manifest"

# --- names ------------------------------------------------------------------------------------------
#: API, LabelAttributeName: 1 to 127 characters; no underscore, dot or blank.
LABEL_ATTRIBUTE = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,126}")
#: API, LabelAttributeName, and Developer Guide, sms-reusing-data: taken by Ground Truth itself.
RESERVED_ATTRIBUTES = frozenset({"source", "source-ref"})
#: API, LabelingJobName: 1 to 63 characters.
JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
MAX_JOB_NAME = 63
MAX_LABEL_ATTRIBUTE = 127
#: Developer Guide, input-data-limits: characters of a label's name.
MAX_CLASS_NAME = 256

# --- images and jobs --------------------------------------------------------------------------------
#: Developer Guide, sms-supported-data-formats.
IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png")
IMAGE_FORMATS = frozenset({"JPEG", "PNG"})
#: Developer Guide, input-data-limits: bytes of an input file (label and adjustment jobs).
MAX_IMAGE_BYTES = 40_000_000
#: Developer Guide, input-data-limits: pixels of an image without automated labeling.
MAX_IMAGE_PIXELS = 100_000_000
#: Developer Guide, input-data-limits: objects of one semantic segmentation job.
MAX_JOB_OBJECTS = 20_000
#: API, MaxConcurrentTaskCount: the default; AWS support raises it up to 5,000.
DEFAULT_CONCURRENT_TASKS = 1000
#: API, LabelingJobStoppingConditions: a labeling job fails after so many days.
MAX_JOB_DAYS = 30
#: Developer Guide, input-data-limits: label categories in the console; with automated labeling.
MAX_CONSOLE_LABELS = 10
MAX_AUTOMATED_LABELS = 20

#: The CORS rule of the Developer Guide, sms-cors-update. Without it tasks fail: the browser may not
#: read the pixels. That the bucket of the masks needs it too is inferred: the page reads their pixels.
CORS_RULE: dict[str, list[str]] = {
    "AllowedHeaders": [],
    "AllowedMethods": ["GET"],
    "AllowedOrigins": ["*"],
    "ExposeHeaders": ["Access-Control-Allow-Origin"],
}
