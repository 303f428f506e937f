"""What botocore and aiohttp raise, and what it means: our error, and one sentence for the user."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp
from botocore import exceptions as boto

from gtmask.errors import NoCredentialsError, StorageError, TransientError, UnreachableError
from gtmask.storage.s3_answers import of_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.errors import GtmaskError

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
        raise _of_client_error(error, verb, uri) from error
    except _CREDENTIALS as error:
        advice = "set up AWS credentials, or name a --profile"
        raise NoCredentialsError(f"cannot {verb} {uri}: {_sentence(error)}; {advice}") from error
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


def _of_client_error(error: Any, verb: str, uri: str) -> GtmaskError:
    answer = error.response
    told_of = answer.get("Error", {})
    meta = answer.get("ResponseMetadata", {})
    return of_answer(
        str(told_of.get("Code", "")),
        int(meta.get("HTTPStatusCode", 0)),
        verb,
        uri,
        message=str(told_of.get("Message", "")),
        region=meta.get("HTTPHeaders", {}).get("x-amz-bucket-region") or told_of.get("Region"),
    )


def _sentence(error: BaseException) -> str:
    """Return an error's text as the part of a sentence."""
    text = " ".join(str(error).split()).rstrip(".")
    return text or type(error).__name__
