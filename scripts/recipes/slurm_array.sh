#!/bin/bash
# Submit: sbatch --export=ALL,EXPORT=s3://data/export.json,IMAGES=s3://data/images,OUT=s3://data/run1 slurm_array.sh
# Sixteen tasks of four cores; the last one to end writes the manifest. A task that was preempted is started again.
#SBATCH --job-name=gtmask
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
set -euo pipefail
# Slurm runs a copy of this file; RECIPES is where the others are.
exec "${RECIPES:-$SLURM_SUBMIT_DIR}/convert_shard.sh"
