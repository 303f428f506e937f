"""The run: plan, chunks, workers, commits."""

from gtmask.run.paint import rasterize
from gtmask.run.run import convert, finish
from gtmask.run.summary import Summary

__all__ = ["Summary", "convert", "finish", "rasterize"]
