"""Benchmarks: ``python -m bench`` runs all and writes docs/performance.md, ``python -m bench.fill`` runs one.

Every module here with a function ``run(quick) -> list[Table]`` is a benchmark.
"""
