"""Objects below an S3 prefix, through obstore: about a quarter of aioboto3's CPU time per request.

obstore is an optional extra (``pip install 'gtmask[obstore]'``). Credentials and region are those that
botocore finds, so that profiles, roles and single sign-on work alike with both clients; retries are ours,
because obstore's own slow down one request at a time.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gtmask.errors import NoCredentialsError, StorageError, TransientError, UnreachableError, UsageError
from gtmask.storage.base import Entry, S3Settings
from gtmask.storage.retry import Requests
from gtmask.storage.s3_answers import Action, error_of_answer
from gtmask.storage.s3_prefix import NONE, S3Prefix, check_endpoint, endpoint_of

try:
    import obstore
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
except ImportError as error:
    raise UsageError(
        "--s3-client obstore needs a package that is not here: pip install 'gtmask[obstore]'."
    ) from error

import boto3
from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence


#: What obstore's messages tell of an answer: its status and S3's own code and words.
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")


#: The clients of this process, for all of its event loops: certificates and credentials take 11 to 60 ms.
_stores: dict[Any, Any] = {}
#: How many threads obstore begins with its first request, where the user does not say so: one for each core,
#: which then wait for one another and for Python. One alone takes a tenth of a run's CPU time less, and has
#: time left when Python has none.
_THREADS = "TOKIO_WORKER_THREADS"
_begun: list[bool] = []


class ObstoreStorage(S3Prefix):
    """Objects below one prefix; see :class:`gtmask.storage.base.Storage` for the verbs."""

    def __init__(self, location: str, settings: S3Settings) -> None:
        super().__init__(location, settings)
        self._store: Any = None

    async def __aenter__(self) -> ObstoreStorage:
        endpoint = endpoint_of(self.settings)
        self.requests = Requests(self.settings.concurrency, self.settings.attempts, endpoint)
        key = self.bucket, endpoint, self.settings, _surroundings()
        self._store = _stores.get(key)
        if self._store is None:
            await _begin_with_one_thread()
            self._store = _make_store(self.bucket, self.settings, endpoint)
            for other in list(_stores):
                if other[-1] != key[-1]:
                    _stores.pop(other, None)
            _stores[key] = self._store
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._store = None

    def _translated(self, action: Action) -> contextlib.AbstractContextManager[None]:
        return translate_errors(action)

    async def _get(self, key: str, start: int, stop: int | None, etag: str) -> tuple[bytes, str]:
        wanted: Any = {}
        if start or stop is not None:
            wanted["range"] = {"offset": start} if stop is None else (start, stop)
        if etag:
            wanted["if_match"] = etag
        try:
            answer = await obstore.get_async(self._store, self.prefix + key, options=wanted)
            return bytes(await answer.bytes_async()), answer.meta["e_tag"] or ""
        except BaseError as error:
            if _status(error) == 416:
                return b"", ""  # the object ends before ``start``
            raise

    async def _look(self, key: str) -> Entry:
        try:
            answer = await obstore.get_async(self._store, self.prefix + key, options={"range": (0, 1)})
            await answer.bytes_async()
        except BaseError as error:
            if _status(error) != 416:
                raise
            answer = await obstore.get_async(self._store, self.prefix + key)
        return Entry(key, int(answer.meta["size"]), answer.meta["e_tag"] or "")

    def _putting(
        self, key: str, data: bytes, content_type: str, condition: Mapping[str, str] = NONE
    ) -> Callable[[], Awaitable[bool]]:
        attributes: Any = {"Content-Type": content_type}
        mode: Any = "create" if "If-None-Match" in condition else "overwrite"
        if "If-Match" in condition:
            mode = {"e_tag": condition["If-Match"]}

        async def request() -> bool:
            try:
                await obstore.put_async(
                    self._store,
                    self.prefix + key,
                    data,
                    attributes=attributes,
                    mode=mode,
                    use_multipart=False,
                )
            except (AlreadyExistsError, PreconditionError):  # what obstore makes of 409 and 412
                if not condition:
                    raise
                return False
            return True

        return request

    async def _put_parts(self, key: str, first: bytes, rest: AsyncIterable[bytes], content_type: str) -> None:
        """Write an object of two parts or more through aioboto3.

        obstore sends no single part, and a piece whose answer broke would be gone with its stream.
        """

        async def all_parts() -> AsyncIterator[bytes]:
            yield first
            async for part in rest:
                yield part

        from gtmask.storage.s3 import S3Storage  # noqa: PLC0415 - costs a quarter of a second

        async with S3Storage(self.root, replace(self.settings, client="aioboto3")) as storage:
            await storage.put_stream(key, all_parts(), content_type)

    async def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        uri = self.uri(key)
        await self._send("delete", uri, lambda: obstore.delete_async(self._store, self.prefix + key))

    async def list(self, prefix: str = "") -> AsyncIterator[Entry]:
        """Yield the entries whose keys start with ``prefix``, sorted by key as UTF-8 bytes.

        obstore lists whole folders: what does not start with the rest of ``prefix`` is passed over. It
        begins anew behind the last key where a page does not arrive.
        """
        folder, slash, _ = (self.prefix + prefix).rpartition("/")
        last: str | None = None
        while True:
            page = await self._send("list", f"{self.root}/{prefix}", lambda: self._page(folder + slash, last))  # noqa: B023 - awaited before ``last`` changes
            for entry in page:
                if entry["path"].startswith(self.prefix + prefix):
                    yield Entry(entry["path"][len(self.prefix) :], entry["size"], entry["e_tag"] or "")
            if not page:
                return
            last = page[-1]["path"]

    async def _page(self, folder: str, last: str | None) -> Sequence[Any]:
        pages = obstore.list(self._store, folder or None, offset=last, chunk_size=1000)
        async for page in pages:
            return page
        return ()


def _surroundings() -> Any:
    """Return what tells that the environment, or a file of credentials, is another one than before."""
    marks = []
    for variable, usual in (("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")):
        path = Path(os.environ.get(variable) or f"~/.aws/{usual}")
        with contextlib.suppress(OSError, RuntimeError):
            found = path.expanduser().stat()
            marks.append((found.st_ino, found.st_size, found.st_mtime_ns))
    return frozenset(os.environ.items()), tuple(marks)


async def _begin_with_one_thread() -> None:
    """Have obstore begin its threads, which it does once in a process, by a request to its own memory."""
    if _begun or _THREADS in os.environ:
        return
    _begun.append(True)
    # It asks the environment; whatever else in this process does so is not to have one thread.
    os.environ[_THREADS] = "1"
    try:
        began = obstore.put_async(obstore.store.MemoryStore(), "key", b"")
    finally:
        os.environ.pop(_THREADS, None)
    await began


def _make_store(bucket: str, settings: S3Settings, endpoint: str | None) -> Any:
    """Make obstore's client with the credentials, the region and the endpoint that boto3 would use."""
    check_endpoint(endpoint)
    try:
        session = boto3.session.Session(profile_name=settings.profile, region_name=settings.region)
        provider = Boto3CredentialProvider(session)
    except (BotoCoreError, ValueError) as error:
        raise NoCredentialsError(
            f"No AWS credentials were found ({_first_line(error)}): set them up, or name a --profile."
        ) from error
    config: Any = {"conditional_put": "etag", "region": session.region_name or "us-east-1"}
    if settings.request_payer:
        config["request_payer"] = True
    if settings.sse:
        config["server_side_encryption"] = settings.sse
    if settings.sse_kms_key_id:
        config["sse_kms_key_id"] = settings.sse_kms_key_id
    if endpoint:
        # This name beats AWS_ENDPOINT_URL_S3, which obstore reads itself; "endpoint" does not.
        config["aws_endpoint_url_s3"] = endpoint
    try:
        return obstore.store.S3Store(
            bucket,
            config=config,
            credential_provider=provider,
            client_options={
                "allow_http": (endpoint or "").lower().startswith("http://"),
                "connect_timeout": "10s",
                "timeout": f"{settings.timeout:.0f}s",
            },
            retry_config={"max_retries": 0},  # gtmask.storage.retry decides about them,
        )
    except (BaseError, ValueError) as error:
        raise UsageError(f"{_first_line(error)}: check --region and --endpoint-url.") from error


def _status(error: BaseException) -> int:
    found = _STATUS.search(str(error))
    return int(found[1]) if found else 0


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].strip().rstrip(".")


@contextlib.contextmanager
def translate_errors(action: Action) -> Iterator[None]:
    """Turn obstore's errors into ours, by the answer that their messages quote."""
    what = f"Cannot {action.words}"
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        text = str(error)
        if status := _status(error):
            code, message = _CODE.search(text), _MESSAGE.search(text)
            raise error_of_answer(
                action, code[1] if code else "", status, message[1] if message else ""
            ) from error
        if "kind: Connect" in text:
            raise UnreachableError(f"{what}: could not connect to the endpoint.") from error
        if "HTTP error" in text or "Http(" in text:
            raise TransientError(f"{what}: the connection broke off.") from error
        if "redirect without LOCATION" in text:
            raise error_of_answer(action, "PermanentRedirect", 301) from error
        if "ETag Header missing" in text:
            raise TransientError(f"{what}: S3 has trouble of its own (an answer without ETag).") from error
        raise StorageError(f"{what}: {_first_line(error)}.") from error
    except ValueError as error:
        raise StorageError(
            f"{what}: obstore cannot write this key ({_first_line(error)}); use --s3-client aioboto3."
        ) from error
