"""Who does the work, for every command: one pool of a thread, processes or a Dask cluster's workers.

What a task needs open (an event loop, storages) its thread keeps for the next task.
"""

from gtmask.workers.kept import is_ending, kept_object, release, run_kept
from gtmask.workers.pool import Pool, thread_pool

__all__ = ["Pool", "is_ending", "kept_object", "release", "run_kept", "thread_pool"]
