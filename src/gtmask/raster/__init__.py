"""Pixels from rings and runs: Numba kernels on flat arrays, which know no domain."""
