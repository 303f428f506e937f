"""What each error answer of S3 means: our error, and one sentence for the user.

Codes are those of the S3 API reference, "List of error codes"; it does not matter which client got them.
"""

from __future__ import annotations

from gtmask.errors import (
    AccessError,
    CredentialsError,
    GtmaskError,
    NotFoundError,
    StorageError,
    ThrottledError,
    TransientError,
)

_THROTTLED = {
    "503", "429", "SlowDown", "ServiceUnavailable", "ThrottlingException", "Throttling",
    "RequestLimitExceeded", "TooManyRequests", "TooManyRequestsException", "BandwidthLimitExceeded",
    "EC2ThrottledException",
}  # fmt: skip
_TRANSIENT = {
    "500", "502", "504", "InternalError", "RequestTimeout", "RequestTimeoutException", "OperationAborted",
    "ConditionalRequestConflict", "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch",
    "PriorRequestNotComplete",
}  # fmt: skip
_MISSING = {"NoSuchKey", "404", "NotFound", "NoSuchVersion"}

#: What any other request would be answered too.
_UNKNOWN = {
    "InvalidAccessKeyId": "S3 does not know this access key id; check the credentials or --profile",
    "SignatureDoesNotMatch": "the secret key does not fit the access key id; check the credentials",
    "ExpiredToken": "the session token has expired; renew the credentials and run again to go on",
    "TokenRefreshRequired": "the session token has expired; renew the credentials and run again to go on",
    "InvalidToken": "the session token is not valid; renew the credentials",
    "RequestTimeTooSkewed": "this machine's clock differs from S3's by more than 15 minutes; set it",
    "RequestExpired": "the request came too late; check this machine's clock",
}
_DENIED = _UNKNOWN | {
    "AccessDenied": "permission is denied; these credentials need {permission}",
    "AllAccessDisabled": "all access to this bucket is disabled",
    "AccountProblem": "AWS reports a problem with the account",
    "403": "permission is denied; these credentials need {permission}",
    "InvalidObjectState": "the object is archived; restore it first",
    "KMS.DisabledException": "its encryption key is disabled",
    "KMS.NotFoundException": "its encryption key does not exist",
}
_REFUSED = {
    "KeyTooLongError": "the key is longer than 1024 bytes; shorten the name",
    "EntityTooLarge": "the object is too large",
    "QuotaExceeded": "the storage quota is used up; make room",
    "XMinioStorageFull": "the storage is full; make room",
    "NotImplemented": "the server does not implement this request",
    "InvalidBucketName": "this is no valid bucket name",
}
#: The bucket is in another region or at another endpoint.
ELSEWHERE = {
    "PermanentRedirect", "TemporaryRedirect", "301", "307", "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}  # fmt: skip
_PERMISSIONS = {
    "read": "s3:GetObject, and s3:ListBucket, without which missing objects look forbidden",
    "write": "s3:PutObject",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}


def of_answer(
    code: str, status: int, verb: str, uri: str, *, message: str = "", region: str | None = None
) -> GtmaskError:
    """Return our error for an error answer.

    Parameters
    ----------
    code
        The answer's error code, or "" where it has no body.
    status
        The HTTP status.
    verb
        "read", "write", "list" or "delete".
    uri
        What it was done to.
    message
        The answer's own words, for codes that are not known here.
    region
        The bucket's region, where the answer tells.
    """
    code = code or str(status)
    what = f"cannot {verb} {uri}"
    bucket = uri.split("/")[2]
    if code in _THROTTLED or status in {429, 503}:
        return ThrottledError(f"{what}: S3 asks for fewer requests ({code})")
    if code in _TRANSIENT or (status >= 500 and code not in _REFUSED):
        return TransientError(f"{what}: S3 has trouble of its own ({code})")
    if code == "NoSuchBucket":
        return NotFoundError(f"{what}: there is no bucket {bucket}; check its name and the account")
    if code in _MISSING:
        return NotFoundError(f"{what}: there is no such object")
    if code in ELSEWHERE:
        where = region or "another region"
        return AccessError(f"{what}: the bucket {bucket} is in {where}; name it with --region")
    if code in _DENIED:
        refused = CredentialsError if code in _UNKNOWN else AccessError
        return refused(f"{what}: {_DENIED[code].format(permission=_PERMISSIONS[verb])}")
    if code in _REFUSED:
        return StorageError(f"{what}: {_REFUSED[code]}")
    kind = AccessError if status in {401, 403} else StorageError
    reason = message.strip().rstrip(".") or "no reason given"
    return kind(f"{what}: S3 answered {status} {code}: {reason}")
