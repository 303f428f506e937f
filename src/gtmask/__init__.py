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
    from gtmask.run.command import convert as convert
    from gtmask.run.commit import Tally as Tally
    from gtmask.run.paint import rasterize as rasterize
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


#: The public names by the modules that they are in.
_NAMES = {
    "gtmask.answers.command": "answer",
    "gtmask.answers.options": "AnswerOptions",
    "gtmask.answers.result": "Answer",
    "gtmask.class_map": "ClassMap LabelClass SuggestedClass",
    "gtmask.environment": "about",
    "gtmask.findings": "Finding FindingCounts Problem",
    "gtmask.findings.registry": "Code Level",
    "gtmask.formats": "read",
    "gtmask.formats.base": "ReadOptions",
    "gtmask.groundtruth.class_map_file": "format_class_map parse_class_map",
    "gtmask.groundtruth.classes": "class_map_from_labels",
    "gtmask.groundtruth.job": "job",
    "gtmask.groundtruth.job_output": "JobOutput",
    "gtmask.groundtruth.job_plan": "JobPlan JobShare",
    "gtmask.groundtruth.labeling_jobs": "JobStatus wait_for_jobs",
    "gtmask.groundtruth.pilot_manifest": "pilot",
    "gtmask.groundtruth.pilot_result": "Chosen PilotResult",
    "gtmask.groundtruth.report": "Report Rule",
    "gtmask.groundtruth.request": "JobSettings",
    "gtmask.groundtruth.submission": "buckets_without_cors fix_cors submit_job",
    "gtmask.groundtruth.validation": "Depth validate",
    "gtmask.kernels": "warmup",
    "gtmask.manifest.contract": "CORS_RULE",
    "gtmask.model": "Balance Bitmap FillRule Grid Kind Plane Record Runs Select Shape",
    "gtmask.numba_internals": "fallback_reason",
    "gtmask.png.container": "encode_png",
    "gtmask.png.decoder": "decode_png",
    "gtmask.preparing.command": "Preparation prepare",
    "gtmask.preparing.options": "PrepareOptions",
    "gtmask.progress": "Progress hearing_notices retries",
    "gtmask.report.demo": "Demo demo",
    "gtmask.report.inspection": "Inspection inspect",
    "gtmask.report.overlays": "Preview preview",
    "gtmask.report.sampled": "Sampled",
    "gtmask.report.starting_map": "StartingMap classes",
    "gtmask.run.command": "convert",
    "gtmask.run.commit": "Tally",
    "gtmask.run.paint": "rasterize",
    "gtmask.run.run": "finish",
    "gtmask.run.settings": "CHOICES ConvertOptions ExecutionOptions Settings",
    "gtmask.run.status": "Status status",
    "gtmask.run.summary": "Changes Summary",
    "gtmask.storage.base": "S3Settings",
    "gtmask.text": "escape_unprintable",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

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
