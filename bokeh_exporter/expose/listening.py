"""The endpoint as the options want it: which port, which token, which certificate."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping

from .. import config as options
from ..config import Config
from .access import Hosts, is_loopback
from .http import Endpoint, Route, tls_context
from .page import OPEN_FILES, login_page
from .pages import OPEN_PATHS
from .sockets import read_token

log = logging.getLogger("bokeh_exporter")


def open_endpoint(
    config: Config, routes: Mapping[tuple[str, str], Route], on_error: Callable[[BaseException], None]
) -> Endpoint:
    """Open the endpoint and return it, serving.

    Raises:
        EndpointError: the port, the token's file or the certificate cannot be used; nothing is open then.
    """
    token = config.token if config.token_file is None else read_token(config.token_file)
    context = tls_context(config.tls_cert, config.tls_key) if config.tls_cert and config.tls_key else None
    hosts = Hosts(config.address, (config.allowed_hosts or "").split(","), OPEN_PATHS)
    endpoint = Endpoint(
        routes, open_paths=OPEN_PATHS | OPEN_FILES, token=token, on_error=on_error, hosts=hosts, login=login_page()
    )
    endpoint.start(config.address, _ports(config), context)
    if token is None and not is_loopback(config.address):
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
