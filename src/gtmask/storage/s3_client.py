"""How the aioboto3 client is made: every setting that is not the default, with its reason.

Together they double the requests per second of CPU time; docs/performance.md has the figures.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore import handlers
from botocore.exceptions import InvalidRegionError, ProfileNotFound
from botocore.loaders import Loader

from gtmask._version import __version__
from gtmask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gtmask.storage.base import S3Settings

#: Handlers that botocore runs at every request and that do nothing for ours.
_IDLE_HANDLERS = [
    ("before-parameter-build", handlers.generate_idempotent_uuid),  # S3 has no idempotency tokens
    ("before-parameter-build.s3", handlers.validate_bucket_name),  # checked when the location is read
    ("before-parameter-build.s3.PutObject", handlers.validate_ascii_metadata),  # we write no metadata
    ("before-parameter-build.s3.PutObject", handlers.sse_md5),  # we send no customer keys
    ("before-parameter-build.s3.GetObject", handlers.sse_md5),
    ("before-call", handlers.add_recursion_detection_header),  # for Lambda functions
    ("request-created", handlers.add_retry_headers),  # tells of botocore's own retries
]

#: What of the answers is read, by botocore's name of the answer.
_READ_MEMBERS = {
    "GetObjectOutput": ("Body", "ContentLength", "ContentRange"),
    "PutObjectOutput": ("ETag",),
}


@asynccontextmanager
async def open_client(settings: S3Settings) -> AsyncIterator[Any]:
    """Open an S3 client, for use in this event loop only.

    One session and one client serve a process for its life: a client takes 0.3 s and 14 MB to make, and
    sessions are not freed entirely.

    Raises
    ------
    UsageError
        If the AWS configuration has no such profile, or the region or the endpoint's URL is malformed.
    """
    session = AioSession()
    session.register_component("data_loader", LeanLoader())
    # Dates of objects are never looked at; dateutil's parser is a tenth of the CPU time of a GET.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    async with AsyncExitStack() as stack:
        try:
            boto = aioboto3.Session(
                botocore_session=session, profile_name=settings.profile, region_name=settings.region
            )
            client = await stack.enter_async_context(
                boto.client("s3", endpoint_url=settings.endpoint_url, config=_config(settings))
            )
        except (ProfileNotFound, InvalidRegionError, ValueError) as error:
            msg = f"{str(error).rstrip('.')}: check --profile, --region and --endpoint-url"
            raise UsageError(msg) from error
        _take_handlers_away(client.meta.events)
        yield client


def _take_handlers_away(events: Any) -> None:
    """Remove botocore's handlers that hurt or do nothing for our requests."""
    # `Expect: 100-continue` costs one more round trip for each upload, a new connection too at servers
    # that answer at once, and hangs for ever, past every time-out of botocore, at one that does not
    # answer it.
    events.unregister("before-call.s3", handlers.add_expect_header)
    # A body of bytes needs no file-like wrapping, which is what asks for the header above.
    for operation in ("PutObject", "UploadPart"):
        events.unregister(f"before-parameter-build.s3.{operation}", handlers.convert_body_to_file_like_object)
    for event, handler in _IDLE_HANDLERS:
        events.unregister(event, handler)


def _config(settings: S3Settings) -> AioConfig:
    return AioConfig(
        # The default of 10 makes the others wait for a connection, within their own time-outs.
        max_pool_connections=settings.concurrency,
        connect_timeout=10,
        read_timeout=settings.timeout,
        # gtmask.storage.retry decides about retries.
        retries={"total_max_attempts": 1, "mode": "standard"},
        # The default adds a CRC-32 trailer to each upload, which some servers refuse over HTTPS; we
        # send Content-MD5 where a checksum is wanted.
        request_checksum_calculation="when_required",
        # The default fails for a range of an object that was stored with a checksum of the whole.
        response_checksum_validation="when_required",
        # All parameters are ours, and checking them costs as much as signing.
        parameter_validation=False,
        # The default text is put together anew, twice, for every request.
        user_agent=f"gtmask/{__version__}",
        tcp_keepalive=True,
    )


class LeanLoader(Loader):
    """Loads S3's model without what costs time at every request and serves none of ours.

    botocore looks for each of the 40 members of an answer among its headers; three of them are read.

    Before version 1.42 its model passes each key to the endpoint rules, none of which looks at it; but the
    100 rule results that botocore remembers are then told apart by key, so that every new key costs a full
    evaluation: a third of a request's CPU time (botocore issue 3528). Models in which the rules do look at a
    parameter, or in which the parameters are gone, stay as they are.
    """

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Return a model; see :class:`botocore.loaders.Loader`."""
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("s3", "service-2"):
            rules = super().load_service_model("s3", "endpoint-rule-set-1", api_version)
            _drop_idle_parameters(model, json.dumps(rules["rules"]))
            for shape, used in _READ_MEMBERS.items():
                members = model["shapes"][shape]["members"]
                model["shapes"][shape]["members"] = {name: members[name] for name in used}
        return model


def _drop_idle_parameters(model: dict[str, Any], rules: str) -> None:
    idle = {
        name
        for name in ("Key", "Prefix", "CopySource")
        if f'"{name}"' not in rules and f"{{{name}" not in rules
    }
    for shape in model["shapes"].values():
        for member in shape.get("members", {}).values():
            if member.get("contextParam", {}).get("name") in idle:
                del member["contextParam"]
