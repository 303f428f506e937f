"""Faults that both S3 clients have to deal with, and a way to work behind the proxy that makes them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gtmask.errors import AccessError, CredentialsError, NoPlaceError, StorageError
from gtmask.storage import S3Settings, open_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.support.fault_proxy import FaultProxy

#: Another attempt helps.
TRANSIENT = [
    "503 SlowDown", "429 TooManyRequests", "500 InternalError", "400 RequestTimeout", "409 OperationAborted",
    "reset", "close", "hang",
]  # fmt: skip
#: None helps: the answer, our error, and words of its sentence.
FINAL = [
    ("403 AccessDenied", AccessError, "permission is denied"),
    ("403 RequestTimeTooSkewed", CredentialsError, "clock differs"),
    ("400 ExpiredToken", CredentialsError, "session token has expired; renew the credentials and run again"),
    ("404 NoSuchBucket", NoPlaceError, "there is no bucket"),
    ("403 InvalidObjectState", AccessError, "archived; restore it first"),
    ("400 KeyTooLongError", StorageError, "longer than 1024 bytes"),
    ("400 Unheard", StorageError, "S3 answered 400 Unheard: Made by the test"),
]


def run(
    proxy: FaultProxy,
    bucket: str,
    client: str,
    work: Callable[[Any], Coroutine[Any, Any, Any]],
    **settings: Any,
) -> Any:
    """Work with a storage below ``p/`` in the bucket, and return what the work returns."""
    values: dict[str, Any] = {"timeout": 20.0, "concurrency": 64, **settings}

    async def main() -> Any:
        where = S3Settings(client=client, endpoint_url=proxy.endpoint, **values)
        async with open_storage(f"s3://{bucket}/p", where) as storage:
            return await work(storage)

    return asyncio.run(main())
