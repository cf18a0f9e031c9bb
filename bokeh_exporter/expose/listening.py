"""The endpoint as the options want it: which port, which token, which certificate."""

from __future__ import annotations

import logging
import os
import ssl
import sys
import time
from collections.abc import Callable, Mapping

from .. import config as options
from ..config import Config, ConfigError
from .access import AllowedHosts, is_loopback
from .http import Endpoint, EndpointError, Route, tls_context
from .page import OPEN_FILES, login_page
from .pages import OPEN_PATHS
from .runbooks import OPEN_RUNBOOKS
from .sockets import read_token
from .web.config import WebConfig, read_web_config

log = logging.getLogger("bokeh_exporter")

#: Seconds between two looks at the files: a kubelet brings a new secret within a minute or two.
LOOK = 2.0


def open_endpoint(
    config: Config, routes: Mapping[tuple[str, str], Route], on_error: Callable[[BaseException], None]
) -> Endpoint:
    """Open the endpoint and return it, serving.

    Raises:
        EndpointError: the port, the token's file or the certificate cannot be used; nothing is open then.
    """
    token = config.token if config.token_file is None else read_token(config.token_file)
    context = tls_context(config.tls_cert, config.tls_key) if config.tls_cert and config.tls_key else None
    web = _web(config)
    hosts = AllowedHosts(config.address, (config.allowed_hosts or "").split(","), OPEN_PATHS | OPEN_RUNBOOKS)
    endpoint = Endpoint(
        routes,
        open_paths=OPEN_PATHS | OPEN_FILES | OPEN_RUNBOOKS,
        token=token,
        on_error=on_error,
        hosts=hosts,
        login=login_page() if web.users is None else None,
        users=web.users,
        rate=web.rate,
    )
    endpoint.start(config.address, _ports(config), context or web.context)
    verified = web.context is not None and web.context.verify_mode == ssl.CERT_REQUIRED
    if token is None and web.users is None and not verified and not is_loopback(config.address):
        log.warning(
            "bokeh_exporter listens on %s without a token: anyone who reaches it can read it. Set %s",
            config.address,
            options.variable("token_file"),
        )
    return endpoint


def _web(config: Config) -> WebConfig:
    if config.web_config_file is None:
        return WebConfig(None, None, None, ())
    try:
        return read_web_config(config.web_config_file)
    except ConfigError as error:
        raise EndpointError(str(error)) from None


class Renewal:
    """Reads the token's file and the certificate again once they change. What is unusable is logged once.

    Looked at by the watcher: a few ``stat`` calls each :data:`LOOK` seconds. Rejected: inotify, which does not see how
    a kubelet swaps the link to a folder.
    """

    def __init__(self, config: Config, endpoint: Endpoint) -> None:
        self._config, self._endpoint = config, endpoint
        self._token = [config.token_file] if config.token_file else []
        self._pair = [config.tls_cert, config.tls_key] if config.tls_cert and config.tls_key else []
        self._web = list(_web(config).files)
        self._seen = self._marks()
        self._due = 0.0

    def look(self) -> None:
        """Renew what has changed."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + LOOK
        seen, self._seen = self._seen, self._marks()
        for what, paths, renew in (
            ("token", self._token, self._new_token),
            ("certificate", self._pair, self._new_pair),
            ("web configuration", self._web, self._new_web),
        ):
            if any(seen.get(path) != self._seen.get(path) for path in paths):
                try:
                    renew()
                except EndpointError as error:
                    log.warning("the %s has changed but the previous one stays in use: %s", what, error)
                else:
                    log.info("the new %s is in use", what)

    def _new_token(self) -> None:
        self._endpoint.renew(token=read_token(*self._token))

    def _new_pair(self) -> None:
        self._endpoint.renew(ssl_context=tls_context(*self._pair))

    def _new_web(self) -> None:
        web = _web(self._config)
        self._web = list(web.files)
        self._endpoint.renew_users(web.users, web.rate)
        if web.context is not None:
            self._endpoint.renew(ssl_context=web.context)

    def _marks(self) -> dict[str, tuple[int, ...]]:
        return {path: _mark(path) for path in (*self._token, *self._pair, *self._web)}


def _mark(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116 - through links, as the files are read
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _ports(config: Config) -> range:
    if config.port == 0:
        return range(1)
    process = sys.modules.get("tornado.process")
    first = config.port + ((process.task_id() or 0) if process is not None else 0)
    return range(first, min(first + config.port_span, 65536))
