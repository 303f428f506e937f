"""Checks of what users name: label attribute, creation date, confidence, as Ground Truth takes them.

They are made before anything is read or written, so this file imports nothing that is slow to import.
"""

from __future__ import annotations

import math
import re
from datetime import datetime

from gtmask.errors import UsageError
from gtmask.manifest.contract import (
    ATTRIBUTE_SUFFIX,
    LABEL_ATTRIBUTE,
    MAX_LABEL_ATTRIBUTE,
    METADATA_SUFFIX,
    RESERVED_ATTRIBUTES,
)

#: What a manifest says unless a user chooses otherwise.
LABEL_ATTRIBUTE_DEFAULT = "labeling-qa-ref"
JOB_NAME_DEFAULT = "labeling-qa"
CONFIDENCE_DEFAULT = 0.9
#: A run's own folder below its output: no part of an export.
STATE_FOLDER = "_gtmask"

#: Observed in the lines of real jobs: UTC, without a zone. Newer versions of Python take 24:00, too.
_DATE = re.compile(r"\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d:\d\d\.\d{1,6}", re.ASCII)


def check_label_attribute(name: str) -> None:
    """Check the label attribute as the API does.

    Raises UsageError with the one rule that the name breaks.
    """
    if problem := label_attribute_problem(name):
        raise UsageError(f"--label-attribute {name!r} {problem}.")


def label_attribute_problem(name: str) -> str:
    """Return what is wrong with a label attribute, as the rest of a sentence; empty where nothing is.

    Rules: API, LabelAttributeName; Developer Guide, sms-reusing-data and sms-input-data-input-manifest.
    """
    if name.casefold() in RESERVED_ATTRIBUTES:
        return "is reserved by Ground Truth: choose another, such as labeling-qa-ref"
    if name.startswith("$"):
        return "starts with $, which Ground Truth forbids"
    if name.endswith(METADATA_SUFFIX):
        return "ends in -metadata, which is the key of an attribute's metadata"
    if not name.endswith(ATTRIBUTE_SUFFIX):
        return f"must end in {ATTRIBUTE_SUFFIX} for semantic segmentation, such as labeling-qa-ref"
    if len(name) > MAX_LABEL_ATTRIBUTE or not LABEL_ATTRIBUTE.fullmatch(name):
        return "may have only 1 to 127 letters, digits and single hyphens between them (no _, dot or blank)"
    return ""


def check_creation_date(text: str) -> None:
    """Check that a creation date is a real one, of the form 2024-01-01T00:00:00.000000.

    Raises UsageError with the form.
    """
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)  # noqa: TRY301 - what fromisoformat raises
        datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--creation-date {text!r} must look like 2024-01-01T00:00:00.000000 (UTC, no zone)."
        ) from None


def check_confidence(confidence: float) -> None:
    """Check that a confidence lies between 0 and 1; raises UsageError if it does not, or is no number."""
    if not (math.isfinite(confidence) and 0 <= confidence <= 1):
        raise UsageError(f"--confidence {confidence} must lie between 0 and 1.")
