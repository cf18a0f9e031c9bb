"""What can be wrong before the endpoint listens: address, port, rights, certificate, key.

Each becomes one line that names the option and the remedy.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from pathlib import Path
from typing import NoReturn

from ..config import variable

_BACKLOG = 128


class EndpointError(Exception):
    """The endpoint cannot listen: one line that names the thing and the remedy."""


def listen(address: str, ports: tuple[int, ...]) -> list[socket.socket]:
    """Open the listening sockets, one for each address of a name, all on the first port that is free."""
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise EndpointError(
            f"address {address!r} is unknown: set {variable('address')} to one of this machine, such as 127.0.0.1"
        ) from None
    failed: OSError | None = None
    for port in ports:
        listeners: list[socket.socket] = []
        try:
            for family, _, _, _, target in dict.fromkeys(found):
                bound = listeners[0].getsockname()[1] if listeners else port  # 0 is chosen once for all
                listener = socket.socket(family, socket.SOCK_STREAM)
                listeners.append(listener)
                if os.name == "posix":  # elsewhere it means what SO_REUSEPORT does here: two may share a port
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.setblocking(False)
                listener.bind((target[0], bound, *target[2:]))
                listener.listen(_BACKLOG)
            return listeners
        except OSError as error:
            failed = error
            for listener in listeners:
                listener.close()
            if error.errno != errno.EADDRINUSE:
                break
    span = f"port {ports[0]}" if len(ports) == 1 else f"every port from {min(ports)} to {max(ports)}" if ports else ""
    raise EndpointError(_why(failed, address, span))


def _why(error: OSError | None, address: str, span: str) -> str:
    number = error.errno if error is not None else None
    if error is None:
        return f"there is no port to try: set {variable('port')} to one below 65536"
    if number == errno.EADDRINUSE:
        remedy = f"stop what holds it, set {variable('port')} to another (0 takes a free one)"
        return f"{span} on {address} is in use: {remedy} or raise {variable('port_span')}"
    if number in (errno.EACCES, errno.EPERM):
        return f"this user may not listen on {span} of {address}: set {variable('port')} to one from 1024 up"
    if number in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return f"address {address} is not one of this machine: set {variable('address')} to 127.0.0.1 or 0.0.0.0"
    return f"{span} on {address} cannot be used: {error.strerror or error}; see {variable('address')}"


def tls_context(cert: str, key: str) -> ssl.SSLContext:
    """Make the TLS context of a server from two PEM files.

    Raises:
        EndpointError: a file is missing, unreadable or not what it should be, or the two do not belong together.
    """
    for option, path in (("tls_cert", cert), ("tls_key", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise EndpointError(
                f"{variable(option)}={path} cannot be read ({error.strerror}): give a PEM file that this user may read"
            ) from None

    def ask() -> NoReturn:  # else OpenSSL asks at the terminal, and the server waits
        raise EndpointError(f"{variable('tls_key')}={key} wants a passphrase: give a key without one")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key, ask)
    except (ssl.SSLError, ValueError) as error:
        raise EndpointError(
            f"{variable('tls_cert')}={cert} and {variable('tls_key')}={key} are no certificate and its key "
            f"({getattr(error, 'reason', None) or error}): give two PEM files that belong together"
        ) from None
    return context


def read_token(path: str) -> str:
    """Read the bearer token from a file.

    Raises:
        EndpointError: it cannot be read, or is empty.
    """
    name = variable("token_file")
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EndpointError(f"{name}={path} cannot be read ({error}): give a file that this user may read") from None
    if not token:
        raise EndpointError(f"{name}={path} is empty: put the token into it")
    return token
