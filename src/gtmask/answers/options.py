"""What can be chosen about an answer: all of it decides the output's bytes."""

from __future__ import annotations

from dataclasses import dataclass

from gtmask.choices import choose
from gtmask.errors import UsageError

CHOICES: dict[str, tuple[str, ...]] = {
    "unreviewed": ("drop", "keep", "stop"),
    "failed": ("again", "keep", "drop"),
    "png": ("gray", "palette"),
    "coco": ("rle", "polygon"),
    "layout": ("sagemaker",),
    "orientation": ("stored", "display"),
}


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """Choices of :func:`gtmask.answer`.

    Attributes
    ----------
    before, after
        The label attributes that a job adjusted and wrote; None: as the metadata says.
    unreviewed
        What becomes of objects that nobody answered: ``drop`` leaves them out, ``keep`` takes their old
        mask, ``stop`` refuses to begin.
    failed
        What becomes of objects that Ground Truth failed on: ``again`` sends them to the next job, ``keep``
        takes their old mask, ``drop`` leaves them out.
    again_verified
        The class of a verification job that means "do it again"; None: verification does not matter.
    png
        ``gray`` or ``palette``.
    coco
        ``rle`` or ``polygon`` writes ``answer.coco.json``.
    layout
        ``sagemaker`` writes the folders that SageMaker's built-in segmentation algorithm trains on.
    split, seed
        Which share of the images is for training, and what draws it.
    mask_uri
        What stands before mask keys in ``answer.manifest``; None: where the masks are written.
    orientation
        Of images that were prepared, where EXIF turns them: masks fit the pixels as the file stores them,
        ``stored``, or as viewers ``display`` them.
    image_uri
        What stands before the keys of images that were prepared in ``answer.manifest``; None: where
        ``gtmask prepare`` found them.
    chunk_size
        Images per chunk.

    Raises
    ------
    UsageError
        A value that cannot be meant.
    """

    before: str | None = None
    after: str | None = None
    unreviewed: str = "drop"
    failed: str = "again"
    again_verified: str | None = None
    png: str = "gray"
    coco: str | None = None
    layout: str | None = None
    split: float = 0.8
    seed: int = 0
    mask_uri: str | None = None
    orientation: str = "stored"
    image_uri: str | None = None
    chunk_size: int = 128

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, choose(f"--{name}", value, known))
        if not 0 < self.split <= 1:
            raise UsageError(f"--split {self.split} must lie above 0 and be at most 1.")
        if not 1 <= self.chunk_size <= 100_000:
            raise UsageError(f"--chunk-size {self.chunk_size} must lie between 1 and 100,000.")
