"""The endpoint as the options want it: which port, which token, which certificate."""

from __future__ import annotations

import ipaddress
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from .. import config as options
from ..config import Config
from .http import Endpoint, EndpointError, Route, tls_context
from .pages import OPEN_PATHS

log = logging.getLogger("bokeh_exporter")


def open_endpoint(
    config: Config, routes: Mapping[tuple[str, str], Route], on_error: Callable[[BaseException], None]
) -> Endpoint:
    """Open the endpoint and return it, serving.

    Raises:
        EndpointError: the port, the token's file or the certificate cannot be used; nothing is open then.
    """
    token = config.token if config.token_file is None else _read_token(config.token_file)
    context = tls_context(config.tls_cert, config.tls_key) if config.tls_cert and config.tls_key else None
    endpoint = Endpoint(routes, open_paths=OPEN_PATHS, token=token, on_error=on_error)
    endpoint.start(config.address, _ports(config), context)
    if token is None and not _is_loopback(config.address):
        log.warning(
            "bokeh_exporter listens on %s without a token: whoever reaches it can read it. Set %s",
            config.address,
            options.variable("token_file"),
        )
    return endpoint


def _ports(config: Config) -> range:
    if config.port == 0:
        return range(1)
    process = sys.modules.get("tornado.process")
    first = config.port + ((process.task_id() or 0) if process is not None else 0)
    return range(first, min(first + config.port_span, 65536))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _read_token(path: str) -> str:
    name = options.variable("token_file")
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EndpointError(f"{name}={path} cannot be read ({error}): give a file that this user may read") from None
    if not token:
        raise EndpointError(f"{name}={path} is empty: put the token into it")
    return token
