"""Convert with a Dask cluster of one's own making; here one on this machine, as an example of any.

    python dask_convert.py EXPORT IMAGES OUT

`dask_jobqueue.SLURMCluster`, `dask_kubernetes.operator.KubeCluster` or an own `distributed.SSHCluster`
take the place of `LocalCluster`: gtmask asks a cluster for the address of its scheduler. The workers need
gtmask and see the same locations.
"""

from __future__ import annotations

import sys

from distributed import LocalCluster

import gtmask


def main(export: str, images: str, out: str) -> int:
    """Convert, print the summary as JSON, and return the exit code that `gtmask convert` would have."""
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:  # type: ignore[no-untyped-call]
        scheduler = cluster.scheduler_address.replace("tcp://", "dask://")
        summary = gtmask.convert(export, out, images=images, executor=scheduler)
    print(summary.to_json())
    return summary.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
