"""How an ``s3://`` URI names a bucket, or an access point by its ARN, and a key in it."""

from __future__ import annotations

import re

#: S3 User Guide, "Referencing access points": the ARN stands in the place of a bucket's name. AWS's command
#: line takes a colon in place of the slash too.
_ACCESS_POINT = re.compile(
    r"arn:aws[a-z-]*:s3(?:-object-lambda)?:[a-z0-9-]*:[0-9]{12}:accesspoint[:/][A-Za-z0-9.-]+"
)


def split_bucket(uri: str) -> tuple[str, str]:
    """Return bucket and key of an ``s3://`` URI; an access point's ARN counts as a bucket."""
    rest = uri[5:]
    found = _ACCESS_POINT.match(rest)
    if found is not None and rest[found.end() : found.end() + 1] in {"", "/"}:
        return found[0], rest[found.end() + 1 :]
    bucket, _, key = rest.partition("/")
    return bucket, key


def is_access_point(bucket: str) -> bool:
    """Say whether what stands for a bucket is the ARN of an access point."""
    return _ACCESS_POINT.fullmatch(bucket) is not None
