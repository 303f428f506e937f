"""What each answer of S3, and each silence, means: our error, and one sentence for the user.

Codes are those of the S3 API reference, "List of error codes".
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp
from botocore import exceptions as boto

from gtmask.errors import AccessError, GtmaskError, NotFoundError, StorageError, TransientError
from gtmask.storage.retry import ThrottledError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

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

_DENIED = {
    "AccessDenied": "permission is denied; these credentials need {permission}",
    "AllAccessDisabled": "all access to this bucket is disabled",
    "AccountProblem": "AWS reports a problem with the account",
    "403": "permission is denied; these credentials need {permission}",
    "InvalidAccessKeyId": "S3 does not know this access key id; check the credentials or --profile",
    "SignatureDoesNotMatch": "the secret key does not fit the access key id; check the credentials",
    "ExpiredToken": "the session token has expired; renew the credentials and run again to go on",
    "TokenRefreshRequired": "the session token has expired; renew the credentials and run again to go on",
    "InvalidToken": "the session token is not valid; renew the credentials",
    "RequestTimeTooSkewed": "this machine's clock differs from S3's by more than 15 minutes; set it",
    "RequestExpired": "the request came too late; check this machine's clock",
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
_ELSEWHERE = {
    "PermanentRedirect", "TemporaryRedirect", "301", "307", "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}  # fmt: skip
_PERMISSIONS = {
    "read": "s3:GetObject, and s3:ListBucket, without which missing objects look forbidden",
    "write": "s3:PutObject",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}
#: Errors of botocore about credentials that it could not find, refresh or assume.
_CREDENTIALS = (
    boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError,
    boto.NoAuthTokenError, boto.SSOError, boto.TokenRetrievalError, boto.UnknownCredentialError,
    boto.RefreshWithMFAUnsupportedError, boto.MetadataRetrievalError, boto.ProfileNotFound,
    boto.ConfigNotFound,
)  # fmt: skip


@contextlib.contextmanager
def told(verb: str, uri: str) -> Iterator[None]:
    """Turn errors of botocore and aiohttp into ours.

    Parameters
    ----------
    verb
        "read", "write", "list" or "delete".
    uri
        What it is done to.

    Raises
    ------
    ThrottledError, UnreachableError, TransientError
        Where another attempt may help.
    NotFoundError, AccessError, StorageError
        Where none will.
    """
    try:
        yield
    except boto.ClientError as error:
        raise of_answer(error, verb, uri) from error
    except _CREDENTIALS as error:
        advice = "set up AWS credentials, or name a --profile"
        raise AccessError(f"cannot {verb} {uri}: {_sentence(error)}; {advice}") from error
    except (boto.SSLError, aiohttp.ClientSSLError) as error:
        advice = "check the endpoint's certificate and AWS_CA_BUNDLE"
        raise StorageError(f"cannot {verb} {uri}: {_sentence(error)}; {advice}") from error
    except (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError) as error:
        raise UnreachableError(f"cannot {verb} {uri}: {_sentence(error)}") from error
    except (
        boto.HTTPClientError,
        boto.ChecksumError,
        boto.IncompleteReadError,
        boto.ResponseStreamingError,
    ) as error:
        raise TransientError(f"cannot {verb} {uri}: {_sentence(error)}") from error
    except TimeoutError:
        raise  # the caller's, who set it, knows how long it was
    except (aiohttp.ClientError, OSError) as error:
        # aiohttp's own errors come through while a body is read: botocore is done by then.
        raise TransientError(f"cannot {verb} {uri}: the connection broke off ({_sentence(error)})") from error
    except boto.BotoCoreError as error:
        raise StorageError(f"cannot {verb} {uri}: {_sentence(error)}") from error


def of_answer(error: Any, verb: str, uri: str) -> GtmaskError:
    """Return our error for an error answer of S3 (a ``botocore.exceptions.ClientError``)."""
    answer = error.response
    status = str(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    code = str(answer.get("Error", {}).get("Code", "")) or status
    what = f"cannot {verb} {uri}"
    bucket = uri.split("/")[2]
    if code in _THROTTLED or status in {"429", "503"}:
        return ThrottledError(f"{what}: S3 asks for fewer requests ({code})")
    if code in _TRANSIENT or (status.startswith("5") and code not in _REFUSED):
        return TransientError(f"{what}: S3 has trouble of its own ({code})")
    if code == "NoSuchBucket":
        return NotFoundError(f"{what}: there is no bucket {bucket}; check its name and the account")
    if code in _MISSING:
        return NotFoundError(f"{what}: there is no such object")
    if code in _ELSEWHERE:
        region = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
        region = region or answer["Error"].get("Region") or "another region"
        return AccessError(f"{what}: the bucket {bucket} is in {region}; name it with --region")
    if code in _DENIED:
        return AccessError(f"{what}: {_DENIED[code].format(permission=_PERMISSIONS[verb])}")
    if code in _REFUSED:
        return StorageError(f"{what}: {_REFUSED[code]}")
    message = str(answer.get("Error", {}).get("Message", "")).strip().rstrip(".")
    kind = AccessError if status in {"401", "403"} else StorageError
    return kind(f"{what}: S3 answered {status} {code}: {message or 'no reason given'}")


def _sentence(error: BaseException) -> str:
    """Return an error's text as the part of a sentence."""
    text = " ".join(str(error).split()).rstrip(".")
    return text or type(error).__name__
