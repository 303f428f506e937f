"""What each command's ``--help`` ends with: two examples, how options are set without typing, the page to read."""

from __future__ import annotations

from typing import NamedTuple


class Guide(NamedTuple):
    """Examples of a command, and where its page is."""

    examples: tuple[str, str]
    page: str


GUIDES = {
    "convert": Guide(
        ("gtmask convert export.json --images images --out run1",
         "gtmask convert export.zip --images s3://data/images --out s3://data/run1"),
        "docs/guide.md, 3. Convert"),
    "inspect": Guide(
        ("gtmask inspect export.json", "gtmask inspect s3://data/export/ --json"),
        "docs/guide.md, 1. Look at the export"),
    "classes": Guide(
        ("gtmask classes export.json --out classes.toml", "gtmask classes labels/ --format yolo"),
        "docs/guide.md, 2. Decide on the classes"),
    "validate": Guide(
        ("gtmask validate s3://data/run1/labeling-qa.manifest --deep",
         "gtmask validate run1/labeling-qa.manifest --findings all.jsonl"),
        "docs/guide.md, 5. Check"),
    "pilot": Guide(
        ("gtmask pilot s3://data/run1/labeling-qa.manifest --out s3://data/pilot",
         "gtmask pilot run1/labeling-qa.manifest --out pilot --compare-png"),
        "docs/guide.md, 6. Five images first"),
    "job": Guide(
        ('gtmask job s3://data/run1/labeling-qa.manifest --out job --role "$ROLE" --workteam "$TEAM" --output s3://data/answer',
         'gtmask job pilot/pilot.manifest --submit --wait --role "$ROLE" --workteam "$TEAM" --output s3://data/answer'),
        "docs/guide.md, 7. The job"),
    "answer": Guide(
        ("gtmask answer s3://data/answer/labeling-qa-adjustment/ --run s3://data/run1 --out corrected",
         "gtmask answer --job labeling-qa-adjustment --out corrected --coco rle"),
        "docs/guide.md, 8. The answer"),
    "preview": Guide(
        ("gtmask preview run1/labeling-qa.manifest --out look.html",
         "gtmask preview s3://data/run1/labeling-qa.manifest --out look.html --count 50"),
        "docs/guide.md, 5. Check"),
    "finish": Guide(
        ("gtmask finish s3://data/run1", "gtmask finish run1 --json"),
        "docs/guide.md, 4. On many machines"),
    "status": Guide(
        ("gtmask status s3://data/run1", "gtmask status run1 --json"),
        "docs/guide.md, 4. On many machines"),
    "formats": Guide(("gtmask formats", "gtmask formats coco"), "docs/formats.md"),
    "demo": Guide(("gtmask demo", "gtmask demo /tmp/demo --images 100"), "README.md"),
    "warmup": Guide(("gtmask warmup", "gtmask warmup --all"), "docs/guide.md, 4. On many machines"),
    "config": Guide(("gtmask config", "gtmask config convert --json"), "docs/guide.md, Options that repeat"),
}  # fmt: skip


def epilog(command: str) -> str:
    """Return what the help of a command ends with; blank lines are line breaks to Typer."""
    guide = GUIDES[command]
    told = (
        f"Every option is also taken from its variable (GTMASK_{command.upper()}_… for this command alone) or from "
        "gtmask.toml; `gtmask config` shows them."
    )
    return "\n\n".join(["Examples", *guide.examples, told, f"To read on: {guide.page}"])
