"""Register the job definition and submit an array job to AWS Batch: one task per share of the export.

    python aws_batch.py --queue QUEUE --image IMAGE --role ROLE_ARN --shards 16 EXPORT IMAGES OUT

IMAGE is the container image that the Dockerfile beside this file builds; the role is the tasks' own, which
reads the images and writes the output. The last task to end writes the manifest. What a spot machine loses is
started again and goes on. With --print the two requests are shown and nothing is sent.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import boto3

DEFINITION = Path(__file__).with_name("aws_batch_job.json")


def requests(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the requests of RegisterJobDefinition and of SubmitJob, without the definition's revision."""
    definition = json.loads(DEFINITION.read_text(encoding="utf-8"))
    container = definition["containerProperties"]
    container["image"] = options.image
    container["jobRoleArn"] = options.role
    environment = {
        "EXPORT": options.export,
        "IMAGES": options.images,
        "OUT": options.out,
        # Not every platform tells its tasks how many they are.
        "SHARD": f"auto/{options.shards}" if options.shards > 1 else "0/1",
        "OPTIONS": options.options,
    }
    job: dict[str, Any] = {
        "jobName": options.name,
        "jobQueue": options.queue,
        "jobDefinition": definition["jobDefinitionName"],
        "containerOverrides": {
            "environment": [{"name": name, "value": value} for name, value in environment.items()]
        },
    }
    if options.shards > 1:  # Batch takes arrays of 2 to 10,000
        job["arrayProperties"] = {"size": options.shards}
    return definition, job


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and send both requests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", metavar="EXPORT", help="s3:// location of the export")
    parser.add_argument("images", metavar="IMAGES", help="s3:// location of the images")
    parser.add_argument("out", metavar="OUT", help="s3:// location of the output")
    parser.add_argument("--queue", required=True, help="name or ARN of the job queue")
    parser.add_argument("--image", required=True, help="container image")
    parser.add_argument("--role", required=True, help="ARN of the tasks' role")
    parser.add_argument("--shards", type=int, default=16, help="how many tasks (default: 16)")
    parser.add_argument("--name", default="gtmask", help="name of the job (default: gtmask)")
    parser.add_argument("--options", default="--quiet", help="further options of gtmask convert")
    parser.add_argument("--print", action="store_true", dest="show", help="show the requests, send nothing")
    options = parser.parse_args(arguments)
    definition, job = requests(options)
    if options.show:
        print(json.dumps({"RegisterJobDefinition": definition, "SubmitJob": job}, indent=2))
        return
    batch = boto3.client("batch")
    job["jobDefinition"] = batch.register_job_definition(**definition)["jobDefinitionArn"]
    print(batch.submit_job(**job)["jobId"])


if __name__ == "__main__":
    main()
