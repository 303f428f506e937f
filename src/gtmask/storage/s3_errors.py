"""What botocore and aiohttp raise, and what it means: our error, and one sentence for the user."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp
from botocore import exceptions as boto

from gtmask.errors import GtmaskError, NoCredentialsError, StorageError, TransientError, UnreachableError
from gtmask.storage.s3_answers import Action, error_of_answer
from gtmask.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator


#: Errors of botocore about credentials that it could not find, refresh or assume.
_CREDENTIALS = (
    boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError,
    boto.NoAuthTokenError, boto.SSOError, boto.TokenRetrievalError, boto.UnknownCredentialError,
    boto.RefreshWithMFAUnsupportedError, boto.MetadataRetrievalError, boto.ProfileNotFound,
    boto.ConfigNotFound,
)  # fmt: skip


@contextlib.contextmanager
def translate_errors(action: Action) -> Iterator[None]:
    """Turn errors of botocore and aiohttp into ours, whichever service of AWS is asked.

    Raises ThrottledError, UnreachableError or TransientError where another attempt may help. Raises
    NotFoundError, AccessError or StorageError where none will.
    """
    what = f"Cannot {action.words}"
    try:
        yield
    except boto.ClientError as error:
        raise _of_client_error(action, error.response) from error
    except _CREDENTIALS as error:
        advice = "set up AWS credentials, or name a --profile"
        raise NoCredentialsError(f"{what}: {one_line(error)}; {advice}.") from error
    except (boto.SSLError, aiohttp.ClientSSLError) as error:
        advice = "check the endpoint's certificate and AWS_CA_BUNDLE"
        raise StorageError(f"{what}: {one_line(error)}; {advice}.") from error
    except (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError) as error:
        raise UnreachableError(f"{what}: {one_line(error)}.") from error
    except (
        boto.HTTPClientError,
        boto.ChecksumError,
        boto.IncompleteReadError,
        boto.ResponseStreamingError,
    ) as error:
        raise TransientError(f"{what}: {one_line(error)}.") from error
    except TimeoutError:
        raise  # the caller's, who set it, knows how long it was
    except (aiohttp.ClientError, OSError) as error:
        # aiohttp's own errors come through while a body is read: botocore is done by then.
        raise TransientError(f"{what}: the connection broke off ({one_line(error)}).") from error
    except boto.BotoCoreError as error:
        raise StorageError(f"{what}: {one_line(error)}.") from error


def _of_client_error(action: Action, answer: dict[str, Any]) -> GtmaskError:
    reported = answer.get("Error", {})
    meta = answer.get("ResponseMetadata", {})
    return error_of_answer(
        action,
        str(reported.get("Code", "")),
        int(meta.get("HTTPStatusCode", 0)),
        message=str(reported.get("Message", "")),
        region=meta.get("HTTPHeaders", {}).get("x-amz-bucket-region") or reported.get("Region"),
    )
