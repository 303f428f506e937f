"""The connections of aioboto3's client, and a shorter way to send small requests over them.

What the client looks at anew for each request (the proxy of its URL, the session that goes through it) is
the same for all requests to a bucket, and what it makes of a small answer costs more than to read it.
Sessions, certificates, time-outs and errors are the client's own.
"""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession
from aiohttp.http_exceptions import BadStatusLine
from botocore import exceptions as boto
from botocore.httpsession import create_urllib3_context, get_cert_path, mask_proxy_url
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ssl import SSLContext

#: What the client calls errors of aiohttp; the first line that fits counts.
_ERRORS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[..., Exception]], ...] = (
    (aiohttp.ClientSSLError, boto.SSLError),
    ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), boto.ProxyConnectionError),
    (
        (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, BadStatusLine),
        boto.ConnectionClosedError,
    ),
    (aiohttp.ConnectionTimeoutError, boto.ConnectTimeoutError),
    (TimeoutError, boto.ReadTimeoutError),
    ((aiohttp.ClientConnectionError, socket.gaierror), boto.EndpointConnectionError),
    (Exception, boto.HTTPClientError),
)


class Answer(NamedTuple):
    """A whole answer; its headers are found by their names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections(AIOHTTPSession):  # type: ignore[misc] # aiobotocore has no types
    """The client's connections."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        #: By what URLs begin with: the session that such requests are sent with, and their proxy.
        self._ways: dict[str, tuple[aiohttp.ClientSession, dict[str, Any]]] = {}

    async def exchange(
        self, base: str, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> Answer:
        """Send a request as the client would, and read the answer.

        Raises botocore.exceptions.HTTPClientError or aiohttp.ClientError as from the client: of botocore
        until the answer has begun, of aiohttp while it is read.

        - ``base``: what the URLs of all requests with the same scheme and host begin with.
        - ``method``, ``url``, ``headers``, ``body``: the request, signed; the URL is escaped.
        """
        way = self._ways.get(base)
        try:
            if way is None:
                way = self._ways[base] = await self._way_to(base)
            session, through = way
            # As the client asks for it: what is read is what is stored.
            headers["Accept-Encoding"] = "identity"
            response = await session.request(
                method, URL(url, encoded=True), headers=headers, data=body, **through
            )
        except Exception as error:
            raise self._named(error, url) from error
        return Answer(response.status, response.headers, await response.read())

    def _create_connector(self, proxy_url: str | None) -> aiohttp.TCPConnector:
        if proxy_url or not self._verify:
            connector: aiohttp.TCPConnector = super()._create_connector(proxy_url)
            return connector
        trusted = _trusted(self._verify, self._cert_file, self._key_file)
        return aiohttp.TCPConnector(limit=self._max_pool_connections, ssl=trusted, **self._connector_args)

    async def _way_to(self, base: str) -> tuple[aiohttp.ClientSession, dict[str, Any]]:
        proxy = self._proxy_config.proxy_url_for(base)
        if proxy is None:
            return await self._get_session(None), {}
        headers = self._proxy_config.proxy_headers_for(base)
        return await self._get_session(proxy), {"proxy": proxy, "proxy_headers": headers}

    def _named(self, error: Exception, url: str) -> Exception:
        """Return what the client makes of an error of aiohttp, as in :meth:`AIOHTTPSession.send`."""
        named = next(named for kinds, named in _ERRORS if isinstance(error, kinds))
        proxy = mask_proxy_url(self._proxy_config.proxy_url_for(url))
        return named(endpoint_url=url, proxy_url=proxy, error=error)


@functools.cache
def _trusted(verify: bool | str, certificate: str | None, key: str | None) -> SSLContext:
    """Return whom connections trust, as :class:`AIOHTTPSession` has it: reading authorities takes 20 ms."""
    context: SSLContext = create_urllib3_context()
    if certificate:
        context.load_cert_chain(certificate, key)
    if authorities := get_cert_path(verify):
        context.load_verify_locations(authorities)
    return context
