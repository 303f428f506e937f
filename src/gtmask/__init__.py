"""Any labeling tool's export to SageMaker Ground Truth segmentation masks and manifest.

The names below are the whole public library; the command line calls nothing else. They are imported when
they are first used, so that ``import gtmask`` costs nothing. ``docs/api.md`` describes every one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gtmask._version import __version__

if TYPE_CHECKING:
    from gtmask import errors as errors
    from gtmask import findings as findings
    from gtmask import formats as formats
    from gtmask import raster as raster
    from gtmask.answers.command import answer as answer
    from gtmask.answers.options import AnswerOptions as AnswerOptions
    from gtmask.answers.result import Answer as Answer
    from gtmask.class_map import ClassMap as ClassMap
    from gtmask.class_map import LabelClass as LabelClass
    from gtmask.class_map import SuggestedClass as SuggestedClass
    from gtmask.environment import about as about
    from gtmask.findings import Finding as Finding
    from gtmask.findings import FindingCounts as FindingCounts
    from gtmask.findings import Problem as Problem
    from gtmask.findings.registry import Code as Code
    from gtmask.findings.registry import Level as Level
    from gtmask.formats import read as read
    from gtmask.formats.base import ReadOptions as ReadOptions
    from gtmask.groundtruth.class_map_file import format_class_map as format_class_map
    from gtmask.groundtruth.class_map_file import parse_class_map as parse_class_map
    from gtmask.groundtruth.classes import class_map_from_labels as class_map_from_labels
    from gtmask.groundtruth.job import job as job
    from gtmask.groundtruth.job_output import JobOutput as JobOutput
    from gtmask.groundtruth.job_plan import JobPlan as JobPlan
    from gtmask.groundtruth.job_plan import JobShare as JobShare
    from gtmask.groundtruth.labeling_jobs import JobStatus as JobStatus
    from gtmask.groundtruth.labeling_jobs import wait_for_jobs as wait_for_jobs
    from gtmask.groundtruth.pilot_manifest import pilot as pilot
    from gtmask.groundtruth.pilot_result import Chosen as Chosen
    from gtmask.groundtruth.pilot_result import PilotResult as PilotResult
    from gtmask.groundtruth.report import Report as Report
    from gtmask.groundtruth.report import Rule as Rule
    from gtmask.groundtruth.request import JobSettings as JobSettings
    from gtmask.groundtruth.submission import buckets_without_cors as buckets_without_cors
    from gtmask.groundtruth.submission import fix_cors as fix_cors
    from gtmask.groundtruth.submission import submit_job as submit_job
    from gtmask.groundtruth.validation import Depth as Depth
    from gtmask.groundtruth.validation import validate as validate
    from gtmask.kernels import warmup as warmup
    from gtmask.manifest.contract import CORS_RULE as CORS_RULE
    from gtmask.model import Balance as Balance
    from gtmask.model import Bitmap as Bitmap
    from gtmask.model import FillRule as FillRule
    from gtmask.model import Grid as Grid
    from gtmask.model import Kind as Kind
    from gtmask.model import Plane as Plane
    from gtmask.model import Record as Record
    from gtmask.model import Runs as Runs
    from gtmask.model import Select as Select
    from gtmask.model import Shape as Shape
    from gtmask.numba_internals import fallback_reason as fallback_reason
    from gtmask.png.container import encode_png as encode_png
    from gtmask.png.decoder import decode_png as decode_png
    from gtmask.preparing.command import Preparation as Preparation
    from gtmask.preparing.command import prepare as prepare
    from gtmask.preparing.options import PrepareOptions as PrepareOptions
    from gtmask.progress import Progress as Progress
    from gtmask.progress import hearing_notices as hearing_notices
    from gtmask.progress import retries as retries
    from gtmask.report.demo import Demo as Demo
    from gtmask.report.demo import demo as demo
    from gtmask.report.inspection import Inspection as Inspection
    from gtmask.report.inspection import inspect as inspect
    from gtmask.report.overlays import Preview as Preview
    from gtmask.report.overlays import preview as preview
    from gtmask.report.sampled import Sampled as Sampled
    from gtmask.report.starting_map import StartingMap as StartingMap
    from gtmask.report.starting_map import classes as classes
    from gtmask.run.commit import Tally as Tally
    from gtmask.run.paint import rasterize as rasterize
    from gtmask.run.run import convert as convert
    from gtmask.run.run import finish as finish
    from gtmask.run.settings import CHOICES as CHOICES
    from gtmask.run.settings import ConvertOptions as ConvertOptions
    from gtmask.run.settings import ExecutionOptions as ExecutionOptions
    from gtmask.run.settings import Settings as Settings
    from gtmask.run.status import Status as Status
    from gtmask.run.status import status as status
    from gtmask.run.summary import Changes as Changes
    from gtmask.run.summary import Summary as Summary
    from gtmask.storage.base import S3Settings as S3Settings
    from gtmask.text import escape_unprintable as escape_unprintable


#: The module that each public name is in, in the groups of ``docs/api.md``.
_GROUPS = {
    "Commands": {
        "convert": "gtmask.run.run",
        "finish": "gtmask.run.run",
        "prepare": "gtmask.preparing.command",
        "status": "gtmask.run.status",
        "inspect": "gtmask.report.inspection",
        "classes": "gtmask.report.starting_map",
        "validate": "gtmask.groundtruth.validation",
        "pilot": "gtmask.groundtruth.pilot_manifest",
        "preview": "gtmask.report.overlays",
        "job": "gtmask.groundtruth.job",
        "submit_job": "gtmask.groundtruth.submission",
        "wait_for_jobs": "gtmask.groundtruth.labeling_jobs",
        "buckets_without_cors": "gtmask.groundtruth.submission",
        "fix_cors": "gtmask.groundtruth.submission",
        "answer": "gtmask.answers.command",
        "demo": "gtmask.report.demo",
        "warmup": "gtmask.kernels",
        "about": "gtmask.environment",
        "fallback_reason": "gtmask.numba_internals",
        "hearing_notices": "gtmask.progress",
        "retries": "gtmask.progress",
    },
    "Step by step": {
        "read": "gtmask.formats",
        "rasterize": "gtmask.run.paint",
        "encode_png": "gtmask.png.container",
        "decode_png": "gtmask.png.decoder",
        "class_map_from_labels": "gtmask.groundtruth.classes",
        "parse_class_map": "gtmask.groundtruth.class_map_file",
        "format_class_map": "gtmask.groundtruth.class_map_file",
    },
    "Settings": {
        "S3Settings": "gtmask.storage.base",
        "ReadOptions": "gtmask.formats.base",
        "Settings": "gtmask.run.settings",
        "ExecutionOptions": "gtmask.run.settings",
        "ConvertOptions": "gtmask.run.settings",
        "CHOICES": "gtmask.run.settings",
        "JobSettings": "gtmask.groundtruth.request",
        "AnswerOptions": "gtmask.answers.options",
        "PrepareOptions": "gtmask.preparing.options",
        "CORS_RULE": "gtmask.manifest.contract",
        "Progress": "gtmask.progress",
        "Depth": "gtmask.groundtruth.validation",
    },
    "Results": {
        "Summary": "gtmask.run.summary",
        "Changes": "gtmask.run.summary",
        "Preparation": "gtmask.preparing.command",
        "Status": "gtmask.run.status",
        "Tally": "gtmask.run.commit",
        "Inspection": "gtmask.report.inspection",
        "Sampled": "gtmask.report.sampled",
        "JobOutput": "gtmask.groundtruth.job_output",
        "Answer": "gtmask.answers.result",
        "Report": "gtmask.groundtruth.report",
        "Rule": "gtmask.groundtruth.report",
        "Problem": "gtmask.findings",
        "PilotResult": "gtmask.groundtruth.pilot_result",
        "Chosen": "gtmask.groundtruth.pilot_result",
        "Preview": "gtmask.report.overlays",
        "StartingMap": "gtmask.report.starting_map",
        "JobPlan": "gtmask.groundtruth.job_plan",
        "JobShare": "gtmask.groundtruth.job_plan",
        "JobStatus": "gtmask.groundtruth.labeling_jobs",
        "Demo": "gtmask.report.demo",
    },
    "Records, class maps and findings": {
        "Record": "gtmask.model",
        "Shape": "gtmask.model",
        "Runs": "gtmask.model",
        "Balance": "gtmask.model",
        "Bitmap": "gtmask.model",
        "Select": "gtmask.model",
        "Plane": "gtmask.model",
        "Kind": "gtmask.model",
        "Grid": "gtmask.model",
        "FillRule": "gtmask.model",
        "ClassMap": "gtmask.class_map",
        "LabelClass": "gtmask.class_map",
        "SuggestedClass": "gtmask.class_map",
        "Finding": "gtmask.findings",
        "FindingCounts": "gtmask.findings",
        "escape_unprintable": "gtmask.text",
        "Code": "gtmask.findings.registry",
        "Level": "gtmask.findings.registry",
    },
}
_HOMES = {name: home for group in _GROUPS.values() for name, home in group.items()}

#: Public modules: what is raised, what is found in data, what can be read, and the kernels.
_MODULES = ("errors", "findings", "formats", "raster")

__all__ = ["__version__", *_HOMES, *_MODULES]  # noqa: PLE0604 - the names are those above


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # so that checkers know the names above, and only those

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"gtmask.{name}")
        if name in _HOMES:
            return getattr(importlib.import_module(_HOMES[name]), name)
        msg = f"module 'gtmask' has no attribute {name!r}"
        raise AttributeError(msg)
