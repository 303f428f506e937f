"""What each error answer of AWS means: our error, and one sentence for the user.

Codes are those of the S3 API reference, "List of error codes", and the common ones of AWS's other services;
it does not matter which client got them.
"""

from __future__ import annotations

from typing import NamedTuple

from gtmask.errors import (
    AccessError,
    ChangedError,
    CredentialsError,
    GtmaskError,
    NoPlaceError,
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
    "500", "502", "504", "InternalError", "InternalFailure", "RequestTimeout", "RequestTimeoutException",
    "OperationAborted", "ConditionalRequestConflict", "BadDigest", "IncompleteBody",
    "XAmzContentSHA256Mismatch", "PriorRequestNotComplete",
}  # fmt: skip
_MISSING = {"NoSuchKey", "404", "NotFound", "NoSuchVersion", "NoSuchEntity"}

_EXPIRED = "the session token has expired; renew the credentials and run again to go on"
#: What any other request would be answered too.
_UNKNOWN = {
    "InvalidAccessKeyId": "AWS does not know this access key id; check the credentials or --profile",
    "InvalidClientTokenId": "AWS does not know this access key id; check the credentials or --profile",
    "UnrecognizedClientException": "AWS does not know these credentials; check them or --profile",
    "SignatureDoesNotMatch": "the secret key does not fit the access key id; check the credentials",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidToken": "the session token is not valid; renew the credentials",
    "RequestTimeTooSkewed": "this machine's clock differs from AWS's by more than 15 minutes; set it",
    "RequestExpired": "the request came too late; check this machine's clock",
}
_FORBIDDEN = "permission is denied; these credentials need {permission}"
_DENIED = _UNKNOWN | {
    "AccessDenied": _FORBIDDEN,
    "AccessDeniedException": _FORBIDDEN,
    "AllAccessDisabled": "all access to this bucket is disabled",
    "AccountProblem": "AWS reports a problem with the account",
    "403": _FORBIDDEN,
    "Forbidden": _FORBIDDEN,
    "InvalidObjectState": "the object is archived; restore it first",
    "KMS.DisabledException": "its encryption key is disabled",
    "KMS.NotFoundException": "its encryption key does not exist",
}
#: Messages of a refusal of so many words ("Access Denied", "Forbidden") say nothing.
_WORDS = 3
_REFUSED = {
    "KeyTooLongError": "the key is longer than 1024 bytes; shorten the name",
    "EntityTooLarge": "the object is too large",
    "QuotaExceeded": "the storage quota is used up; make room",
    "XMinioStorageFull": "the storage is full; make room",
    "NotImplemented": "the server does not implement this request",
    "InvalidBucketName": "this is no valid bucket name",
}
#: The object has not the ETag that was asked for.
_CHANGED = {"PreconditionFailed", "412"}
_REFUSED |= dict.fromkeys(_CHANGED, "it was changed since it was first looked at")
#: The bucket is in another region or at another endpoint.
ELSEWHERE = {
    "PermanentRedirect", "TemporaryRedirect", "301", "307", "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}  # fmt: skip
#: What a request for an object or a list of objects needs, by its verb.
PERMISSIONS = {
    "read": "s3:GetObject, and s3:ListBucket, without which missing objects look forbidden",
    "write": "s3:PutObject",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}


class Action(NamedTuple):
    """What is asked of AWS, as the sentence about its failure says it.

    - ``words``: continues "Cannot", such as "read s3://bucket/key".
    - ``permission``: the IAM permissions that it takes.
    - ``bucket``: the bucket that is asked, or "".
    - ``missing``: what it means that the server does not find it.
    - ``service``: who answers.
    """

    words: str
    permission: str
    bucket: str = ""
    missing: str = "there is no such object"
    service: str = "S3"


def error_of_answer(
    action: Action, code: str, status: int, message: str = "", region: str | None = None
) -> GtmaskError:
    """Return our error for an error answer.

    - ``code``: the answer's error code, or "" where it has no body.
    - ``message``: the answer's own words, which are passed on where they say more than the code.
    - ``region``: the bucket's region, where the answer tells.
    """
    code = code or str(status)
    what = f"Cannot {action.words}"
    if code in _THROTTLED or status in {429, 503}:
        return ThrottledError(f"{what}: {action.service} asks for fewer requests ({code}).")
    if code in _TRANSIENT or (status >= 500 and code not in _REFUSED):
        return TransientError(f"{what}: {action.service} has trouble of its own ({code}).")
    if code == "NoSuchBucket":
        return NoPlaceError(f"{what}: there is no bucket {action.bucket}; check its name and the account.")
    if code in _MISSING:
        return NotFoundError(f"{what}: {action.missing}.")
    if code in ELSEWHERE:
        where = region or "another region"
        return AccessError(f"{what}: the bucket {action.bucket} is in {where}; name it with --region.")
    if code in _DENIED:
        refused = CredentialsError if code in _UNKNOWN else AccessError
        reason = _DENIED[code].format(permission=action.permission)
        said = message.strip().rstrip(".")
        if "{permission}" in _DENIED[code] and len(said.split()) > _WORDS:
            # It names what is refused and why (a key, a policy), which may be no permission on objects.
            reason = f"permission is denied: {said}"
        elif code.startswith("KMS.") and len(said.split()) > _WORDS:
            reason = f"{reason} ({said})"  # which key it is
        return refused(f"{what}: {reason}.")
    if code in _REFUSED:
        stopped = ChangedError if code in _CHANGED else StorageError
        return stopped(f"{what}: {_REFUSED[code]}.")
    kind = AccessError if status in {401, 403} else StorageError
    reason = message.strip().rstrip(".") or "no reason given"
    return kind(f"{what}: {action.service} answered {status} {code}: {reason}.")
