"""How the aioboto3 client is made: every setting that is not the default, with its reason."""

from __future__ import annotations

import contextlib
import functools
import re
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore import handlers
from botocore.exceptions import InvalidRegionError, ProfileNotFound
from botocore.loaders import create_loader
from botocore.utils import parse_timestamp

from gtmask._version import __version__
from gtmask.errors import UsageError
from gtmask.storage.s3_connections import Connections
from gtmask.storage.s3_prefix import check_endpoint
from gtmask.storage.s3_wishes import add_to_every_request, headers_of
from gtmask.text import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiobotocore.credentials import AioCredentials

    from gtmask.storage.base import S3Settings

#: What we call ourselves to servers.
USER_AGENT = f"gtmask/{__version__}"

#: How listings write times (S3 API, ListObjectsV2: LastModified).
_LISTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")

#: botocore's models are the same for all sessions of a process: each file is read once.
model_loader = functools.cache(create_loader)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open client, the connections that it sends over, and the credentials that it signs with.

    The headers are those that the client adds to each GET and PUT of an object, as users ask for.
    """

    client: Any
    connections: Connections
    credentials: AioCredentials | None
    read_headers: dict[str, str]
    write_headers: dict[str, str]


def open_session(settings: S3Settings, region: str | None = None) -> tuple[aioboto3.Session, AioSession]:
    """Return a session of boto and botocore's below it; service models are read once in a process.

    Raises botocore.exceptions.ProfileNotFound: the AWS configuration has no such profile.
    """
    core = AioSession()
    session = aioboto3.Session(
        botocore_session=core, profile_name=settings.profile, region_name=region or settings.region
    )
    core.register_component("data_loader", model_loader(core.get_config_variable("data_path")))
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=parse_time)
    return session, core


def parse_time(value: Any) -> datetime:
    """Return a time in an answer; botocore alone spends two thirds of a listing's CPU time on times."""
    with contextlib.suppress(ValueError):
        if isinstance(value, str) and _LISTED.fullmatch(value):
            return datetime.fromisoformat(value)
    found: datetime = parse_timestamp(value)
    return found


@asynccontextmanager
async def open_client(settings: S3Settings) -> AsyncIterator[Opened]:
    """Open an S3 client, for use in this event loop only.

    One session and one client serve a process for its life: a client takes 0.3 s and 14 MB to make, and
    sessions are not freed entirely. Raises UsageError if the AWS configuration has no such profile, or the
    region or the endpoint's URL is malformed or holds a password.
    """
    connections: list[Connections] = []

    def connect(**arguments: Any) -> Connections:
        connections.append(Connections(**arguments))
        return connections[-1]

    async with AsyncExitStack() as stack:
        try:
            session, core = open_session(settings)
            client = await stack.enter_async_context(
                session.client("s3", endpoint_url=settings.endpoint_url, config=_config(settings, connect))
            )
        except (ProfileNotFound, InvalidRegionError, ValueError) as error:
            raise UsageError(f"{one_line(error)}: check --profile, --region and --endpoint-url.") from error
        check_endpoint(client.meta.endpoint_url)
        # `Expect: 100-continue` costs one more round trip for each upload, a new connection too at servers
        # that answer at once, and hangs for ever, past every time-out of botocore, at one that does not
        # answer it.
        client.meta.events.unregister("before-call.s3", handlers.add_expect_header)
        add_to_every_request(client, settings)
        yield Opened(
            client,
            connections[0],
            await core.get_credentials(),
            headers_of(settings, writes=False),
            headers_of(settings, writes=True),
        )


def _config(settings: S3Settings, connect: Callable[..., Connections]) -> AioConfig:
    return AioConfig(
        # The default of 10 makes the others wait for a connection, within their own time-outs.
        max_pool_connections=settings.in_flight,
        connect_timeout=10,
        read_timeout=settings.timeout,
        # gtmask.storage.retry decides about retries.
        retries={"total_max_attempts": 1, "mode": "standard"},
        # The default adds a CRC-32 trailer to each upload, which some servers refuse over HTTPS; we
        # send Content-MD5 where a checksum is wanted.
        request_checksum_calculation="when_required",
        # The default fails for a range of an object that was stored with a checksum of the whole.
        response_checksum_validation="when_required",
        user_agent=USER_AGENT,
        tcp_keepalive=True,
        # Requests past the client (gtmask.storage.s3_direct) go over the same connections.
        http_session_cls=connect,
    )
