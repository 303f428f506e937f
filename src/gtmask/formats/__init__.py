"""Exports in, records out: one file per labeling tool."""
