"""Options that several commands share, so that they read the same everywhere.

Flags say ``metavar=""``: Typer would show them with ``<bool>``, as if they took a value.
"""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", metavar="", help="Write one JSON document to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="No progress bar and no summary.")]
Endpoint = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="S3 endpoint other than AWS.", rich_help_panel="S3"),
]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="AWS profile.", rich_help_panel="S3")
]
Region = Annotated[
    str | None, typer.Option("--region", metavar="NAME", help="AWS region.", rich_help_panel="S3")
]
S3Client = Annotated[
    str,
    typer.Option("--s3-client", metavar="aioboto3|obstore", help="S3 client library.", rich_help_panel="S3"),
]
Concurrency = Annotated[
    int,
    typer.Option("--concurrency", metavar="N", help="Requests in flight per process.", rich_help_panel="S3"),
]
Images = Annotated[
    str | None,
    typer.Option("--images", metavar="PREFIX", help="Folder or s3:// prefix in which the images are read."),
]
Masks = Annotated[
    str | None,
    typer.Option("--masks", metavar="PREFIX", help="Folder or s3:// prefix with copies of the masks."),
]
Workers = Annotated[int | None, typer.Option("--workers", metavar="N", help="Processes (one per core).")]

READING = "Reading"
Annotator = Annotated[
    str | None,
    typer.Option(
        "--annotator",
        metavar="NAME",
        help="Whose annotation counts, where there are several.",
        rich_help_panel=READING,
    ),
]
IncludePredictions = Annotated[
    bool,
    typer.Option(
        "--include-predictions", metavar="", help="Model predictions count, too.", rich_help_panel=READING
    ),
]
IncludeUnannotated = Annotated[
    bool,
    typer.Option(
        "--include-unannotated",
        metavar="",
        help="Unannotated tasks become empty masks.",
        rich_help_panel=READING,
    ),
]
Interpolate = Annotated[
    bool,
    typer.Option(
        "--interpolate", metavar="", help="Compute video frames between keyframes.", rich_help_panel=READING
    ),
]
ClassAttribute = Annotated[
    str | None,
    typer.Option(
        "--class-attribute",
        metavar="NAME",
        help="Attribute that holds the class, where there are several.",
        rich_help_panel=READING,
    ),
]
KeepGoing = Annotated[
    bool,
    typer.Option(
        "--keep-going", metavar="", help="Read a damaged document up to the damage.", rich_help_panel=READING
    ),
]
