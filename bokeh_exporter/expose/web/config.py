"""The file: exporter-toolkit's, in YAML. What of it is not offered is refused by name, so that nothing is left open."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...config import ConfigError, variable
from ..sockets import EndpointError, tls_context
from .rate import RateLimit
from .users import Users, users_of

_NAME = variable("web_config_file")
_KEYS = {
    "": {"tls_server_config", "basic_auth_users", "rate_limit"},
    "tls_server_config": {
        "cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version", "max_version",
    },
    "rate_limit": {"interval", "burst"},
}  # fmt: skip
#: What the types are in Python. The other two take a certificate that nobody has signed, which OpenSSL does not.
_CLIENTS = {
    "NoClientCert": ssl.CERT_NONE, "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}  # fmt: skip
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class WebConfig:
    """What the file says.

    Attributes:
        context: for TLS; None without.
        users: who may ask; None for anybody.
        rate: how often may be asked; None for as often as one likes.
        files: what was read, and is read again when it changes.
    """

    context: ssl.SSLContext | None
    users: Users | None
    rate: RateLimit | None
    files: tuple[str, ...]


def read_web_config(path: str) -> WebConfig:
    """Read a file, and the certificates that it names; their paths are relative to it.

    Raises:
        ConfigError: something in the file is unknown or cannot be used; one line.
        EndpointError: a certificate cannot be used.
    """
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{_NAME}={path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{_NAME}={path} is not YAML{line}") from None
    content = _section(found or {}, "", path)
    tls, rate = (_section(content.get(key) or {}, key, path) for key in ("tls_server_config", "rate_limit"))
    folder = Path(path).parent
    files = {key: str(folder / str(tls[key])) for key in ("cert_file", "key_file", "client_ca_file") if key in tls}
    return WebConfig(
        _context(tls, files, path) if tls else None,
        users_of(content["basic_auth_users"], path) if content.get("basic_auth_users") else None,
        _rate(rate, path),
        (path, *files.values()),
    )


def _section(content: Any, name: str, path: str) -> Mapping[str, Any]:
    where = f"{_NAME}={path}: {name or 'the file'}"
    if not isinstance(content, dict):
        raise ConfigError(f"{where} must have keys and values")
    unknown = [str(key)[:60] for key in content if key not in _KEYS[name]]
    if unknown:
        raise ConfigError(
            f"{where} has the key {unknown[0]!r}, which is not offered; known are {', '.join(sorted(_KEYS[name]))}"
        )
    return content


def _context(tls: Mapping[str, Any], files: Mapping[str, str], path: str) -> ssl.SSLContext:
    def refuse(what: str) -> ConfigError:
        return ConfigError(f"{_NAME}={path}: tls_server_config: {what}")

    if "cert_file" not in files or "key_file" not in files:
        raise refuse("it needs cert_file and key_file")
    kind = tls.get("client_auth_type", "NoClientCert")
    if kind not in _CLIENTS:
        raise refuse(f"client_auth_type must be one of {', '.join(_CLIENTS)}")
    if (kind != "NoClientCert") != ("client_ca_file" in files):
        raise refuse("client_ca_file goes with a client_auth_type that verifies, and that with it")
    context = tls_context(files["cert_file"], files["key_file"])
    for key, bound in (("min_version", "minimum_version"), ("max_version", "maximum_version")):
        if key in tls:
            if tls[key] not in _VERSIONS:
                raise refuse(f"{key} must be one of {', '.join(_VERSIONS)}")
            setattr(context, bound, _VERSIONS[tls[key]])
    if "client_ca_file" in files:
        try:
            context.load_verify_locations(files["client_ca_file"])
        except (OSError, ssl.SSLError) as error:
            raise EndpointError(f"{_NAME}={path}: client_ca_file cannot be used: {error}") from None
    context.verify_mode = _CLIENTS[kind]
    return context


def _rate(rate: Mapping[str, Any], path: str) -> RateLimit | None:
    interval = _seconds(rate.get("interval", 0))
    burst = rate.get("burst", 1)
    if interval is None or not isinstance(burst, int) or isinstance(burst, bool) or burst < 1:
        raise ConfigError(f"{_NAME}={path}: rate_limit: interval is a time such as 100ms, burst a number from 1 up")
    return RateLimit(interval, burst) if interval else None


def _seconds(text: object) -> float | None:
    if text in (0, "0"):
        return 0.0
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", str(text))
    return float(found[1]) * _UNITS[found[2]] if found else None
