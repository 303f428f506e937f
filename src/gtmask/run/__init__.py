"""The run: plan, chunks, workers, commits."""

from gtmask.run.paint import rasterize
from gtmask.run.run import Summary, convert, finish

__all__ = ["Summary", "convert", "finish", "rasterize"]
