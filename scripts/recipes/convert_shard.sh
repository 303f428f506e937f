#!/bin/bash
# One task of an array job: converts its share of an export. Slurm, AWS Batch and Kubernetes all run this file.
#
# Set EXPORT, IMAGES and OUT (folders that all tasks share, or s3:// locations); SHARD is `auto` unless given, and
# OPTIONS holds further options of `gtmask convert`. Run again, a task goes on where it stopped.
#
# shellcheck disable=SC2086 # OPTIONS are words
set -euo pipefail
: "${EXPORT:?set it to the export}" "${IMAGES:?set it to the folder of images}" "${OUT:?set it to the output}"

gtmask convert "$EXPORT" --images "$IMAGES" --out "$OUT" --shard "${SHARD:-auto}" ${OPTIONS:-} &
task=$!
# A scheduler that takes the machine back signals this shell alone. gtmask then ends the chunks that it works on.
trap 'kill -TERM "$task" 2>/dev/null' TERM INT
status=0
wait "$task" || status=$?
while kill -0 "$task" 2>/dev/null; do # the signal ended the waiting, not the task
    status=0
    wait "$task" || status=$?
done
# 3: everything is done, and some images were rejected. That is for a person to read, not for the scheduler to repeat.
[ "$status" -ne 3 ] || status=0
exit "$status"
