"""One table of options: name, environment variable, default, help.

``Config`` is frozen and can only be made through validation, so whoever holds one holds good
values. ``Config.load`` alone reads the environment. Precedence: argument, flag, environment,
default; a flag travels to the server process as an argument (see ``startup``).
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from .thresholds import Thresholds

PREFIX = "BOKEH_EXPORTER_"

CollectLevel = Literal["session", "update", "callback", "element", "all"]
ElementsLog = Literal["off", "text", "json"]
LEVELS: tuple[CollectLevel, ...] = get_args(CollectLevel)


class ConfigError(ValueError):
    """A bad option value: one line that names the option, the value and the remedy."""


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise ValueError
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.05 <= value <= 86400:  # NaN and infinity fail this too
        raise ValueError
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise ValueError
    return value


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError
    return text == "1"


def _level(text: str) -> CollectLevel:
    for level in LEVELS:
        if text == level:
            return level
    raise ValueError


def _elements_log(text: str) -> ElementsLog:
    for form in get_args(ElementsLog):
        if text == form:
            return cast("ElementsLog", form)
    raise ValueError


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text.strip()


def _peers(text: str) -> str:
    for each in text.split(","):
        if not re.fullmatch(r"(https?://[^\s/@,]+(/metrics)?/?|[\w.-]+(:\d{1,5})?)", each.strip()):
            raise ValueError
    return text.strip()


def _option(default: Any, parse: Callable[[str], Any], wants: str, help: str, *, secret: bool = False) -> Any:
    metadata = {"parse": parse, "wants": wants, "help": help, "secret": secret}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Config(Thresholds):
    """The validated options. Durations are in seconds.

    Make one with :meth:`load`; ``Config()`` is the defaults.
    """

    address: str = _option(
        "127.0.0.1",
        _text,
        "an address of this machine, such as 127.0.0.1 or 0.0.0.0",
        "Address that the endpoint listens on. Set a token if it is public.",
    )
    port: int = _option(
        10506,
        _port,
        "a whole number from 0 to 65535",
        "Port of the endpoint; with --num-procs each process adds its number. 0 picks a free port and logs it.",
    )
    port_span: int = _option(
        1,
        _count,
        "a whole number from 1 to 1000",
        "How many ports, starting at port, a process tries if it cannot know its number (uvicorn workers).",
    )
    sample_period: float = _option(
        1.0,
        _seconds,
        "a number of seconds from 0.05 to 86400",
        "Seconds between two samples of the server's state, taken on its event loop.",
    )
    verdict_period: float = _option(
        60.0,
        _seconds,
        "a number of seconds from 0.05 to 86400",
        "Seconds between two judgements of memory; a blocked server is reported immediately.",
    )
    collect: CollectLevel = _option(
        "callback", _level, "one of " + ", ".join(LEVELS), "How much to collect; each level includes the ones before."
    )
    stall_after: float = _option(
        5.0,
        _seconds,
        "a number of seconds from 0.05 to 86400",
        "Seconds without a tick of the event loop, or with every worker thread busy, after which the log names "
        "the cause.",
    )
    grace: float = _option(
        60.0,
        _seconds,
        "a number of seconds from 0.05 to 86400",
        "Seconds after the end of a session. If a later full garbage collection does not free it, it is retained.",
    )
    collect_garbage: bool = _option(
        True,
        _flag,
        "0 or 1",
        "1 lets the exporter run a full garbage collection in a quiet moment if a destroyed session waits for one.",
    )
    collect_garbage_limit: float = _option(
        300.0, _seconds, "a number of seconds from 0.05 to 86400", "Minimum seconds between two such collections."
    )
    collect_garbage_pause: float = _option(
        0.25,
        _seconds,
        "a number of seconds from 0.05 to 86400",
        "CPU seconds that such a collection may take. After a longer one the exporter waits longer.",
    )
    interactions_kept: int = _option(
        200,
        _count,
        "a whole number from 1 to 1000",
        "How many interactions to keep with what they ran and built, a few kB each; needs collect=element.",
    )
    elements_log: ElementsLog = _option(
        "text",
        _elements_log,
        "one of off, text, json",
        "Format of the logger bokeh_exporter.elements, one line per interaction; needs collect=element.",
    )
    show_quiet: bool = _option(
        False,
        _flag,
        "0 or 1",
        "1 lists, in the log and on the status page, interactions in which nothing of yours ran, such as echoes of the "
        "browser; else they are only counted.",
    )
    show_values: bool = _option(
        False,
        _flag,
        "0 or 1",
        "1 shows the values of widgets in the rebuild ledger, shortened; for development. Never passwords or files.",
    )
    inventory: bool = _option(
        False,
        _flag,
        "0 or 1",
        "1 keeps what the build of the last session made and shows, for bokeh-exporter inspect. Needs debug and "
        "collect=element or all; not for a server that others use.",
    )
    trim_after_destroy: bool = _option(
        False,
        _flag,
        "0 or 1",
        "1 returns memory to the system after sessions were destroyed: a full collection, which blocks the app for "
        "a moment, then glibc's malloc_trim.",
    )
    trim_interval: float = _option(
        60.0, _seconds, "a number of seconds from 0.05 to 86400", "Minimum seconds between two such trims."
    )
    debug: bool = _option(False, _flag, "0 or 1", "1 enables the explain, trim, census, collect and stack endpoints.")
    local_debug: bool = _option(
        True,
        _flag,
        "0 or 1",
        "0 turns off the Unix socket, mode 0600, with which the server's user can debug on its machine anyway.",
    )
    flight_recorder: str | None = _option(
        None,
        _text,
        "the path of a folder that exists",
        "Folder for a 1 MB file that survives the process: its last minutes, reported when the next process starts.",
    )
    token: str | None = _option(
        None,
        _text,
        "a text that is not empty",
        "Bearer token that every endpoint except the health checks requires.",
        secret=True,
    )
    token_file: str | None = _option(
        None, _text, "the path of a file", "File with the bearer token; read again when it changes."
    )
    peers: str | None = _option(
        None,
        _peers,
        "URLs with commas between them, or one DNS name such as bokeh-headless:10506",
        "Other exporters that the status page and `bokeh-exporter top` show beside this one; a DNS name stands for all "
        "its addresses. The processes of one server find each other.",
        secret=True,  # who puts a password into a URL gets an error line without it
    )
    peers_token_file: str | None = _option(
        None, _text, "the path of a file", "File with the bearer token of the peers; unset, they have the same token."
    )
    allowed_hosts: str | None = _option(
        None,
        _text,
        "names with commas between them, or *",
        "Host names that requests may use besides the address, such as a proxy's; others are refused, "
        "against DNS rebinding. On a public address /metrics accepts any.",
    )
    tls_cert: str | None = _option(
        None, _text, "the path of a PEM file", "Certificate for TLS on the endpoint; needs tls_key."
    )
    tls_key: str | None = _option(
        None, _text, "the path of a PEM file", "Private key for TLS on the endpoint; needs tls_cert."
    )
    web_config_file: str | None = _option(
        None,
        _text,
        "the path of a YAML file",
        "Prometheus' web configuration file (exporter-toolkit): TLS with client certificates, users with bcrypt "
        "passwords, a rate limit. In place of tls_cert and tls_key.",
    )
    explain_retained: bool = _option(
        True, _flag, "0 or 1", "0 turns off the log line, once an hour, that says who holds an app's retained sessions."
    )
    capture: bool = _option(
        False, _flag, "0 or 1", "1 traces allocations for a while if the verdict is growth, and logs them."
    )
    capture_seconds: float = _option(
        60.0, _seconds, "a number of seconds from 0.05 to 86400", "Duration of such a trace in seconds."
    )
    collection_rules: str | None = _option(
        None,
        _text,
        "the path of a JSON file",
        "File of collection rules: what to collect automatically when a verdict holds or a number is too high, and "
        "where to send it.",
    )
    drain: bool = _option(False, _flag, "0 or 1", "1 enables POST /debug/drain.")
    drain_seconds: float | None = _option(
        None,
        _seconds,
        "a number of seconds from 0.05 to 86400",
        "Deadline of a drain; if set, SIGTERM starts one: the server stops being ready, and ends when no session is "
        "left or at the deadline. Unset, the host handles SIGTERM, and other drains may take 300 s.",
    )
    recycle_at: float | None = _option(
        None,
        _share,
        "a share between 0 and 1, such as 0.85",
        "Share of the container's memory limit (without one, of the machine's memory) at which the process drains "
        "and ends, so that it is restarted.",
    )
    prometheus: bool = _option(
        True, _flag, "0 or 1", "0 opens no port: no /metrics, health checks or status page. For OpenTelemetry only."
    )
    otlp: bool = _option(
        False,
        _flag,
        "0 or 1",
        "1 pushes metrics, traces and events by OTLP, configured by the standard OTEL_ variables; needs "
        "pip install 'bokeh-exporter[otlp]'.",
    )
    disabled: bool = _option(
        False, _flag, "0 or 1", "1 switches the exporter off: nothing is hooked and nothing listens."
    )

    def __post_init__(self) -> None:
        if self.token is not None and self.token_file is not None:
            raise ConfigError(
                f"{PREFIX}TOKEN and {PREFIX}TOKEN_FILE are both set: keep one of them, preferably the file"
            )
        for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
            if getattr(self, one) is not None and getattr(self, other) is None:
                raise ConfigError(f"{variable(one)} is set without {variable(other)}: TLS needs both, or neither")

        if self.web_config_file is not None and self.tls_cert is not None:
            raise ConfigError(
                f"{variable('web_config_file')} and {variable('tls_cert')} are both set: keep one of them"
            )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Config:
        """Read the options: ``given`` first, then the environment, then the defaults.

        Raises:
            ConfigError: an option is unknown or its value cannot be used.
        """
        environ = os.environ if environ is None else environ
        for name in given:
            if name not in OPTIONS:
                raise ConfigError(_unknown(name, list(OPTIONS), "option"))
        values: dict[str, Any] = {}
        for name, field in OPTIONS.items():
            if given.get(name) is not None:
                values[name] = _parsed(field, name, given[name])
            elif environ.get(variable(name), "") != "":
                values[name] = _parsed(field, variable(name), environ[variable(name)])
        return cls(**values)

    def includes(self, level: CollectLevel) -> bool:
        """Whether what belongs to ``level`` is to be collected."""
        return LEVELS.index(level) <= LEVELS.index(self.collect)


OPTIONS: dict[str, dataclasses.Field[Any]] = {
    # The thresholds last: whoever reads the list looks for an address first.
    field.name: field
    for field in sorted(dataclasses.fields(Config), key=lambda field: "reason" in field.metadata)
}


def variable(option: str) -> str:
    """Name the environment variable of an option."""
    return PREFIX + option.upper()


def flag(option: str) -> str:
    """Name the command-line flag of an option."""
    return "--" + option.replace("_", "-")


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Say, a line each, which variables look like ours but name no option."""
    known = [variable(name) for name in OPTIONS]
    return [
        _unknown(name, known, "variable") + "; it is ignored"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def _unknown(name: str, known: list[str], what: str) -> str:
    # Without the prefix, which would make everything look alike.
    bare = {each.removeprefix(PREFIX): each for each in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1)
    remedy = f"did you mean {bare[close[0]]}?" if close else f"known are {', '.join(known)}"
    return f"{name} is not a bokeh_exporter {what}: {remedy}"


def _parsed(field: dataclasses.Field[Any], source: str, value: Any) -> Any:
    # A bool is an int to Python, but True is no port; text "True" is no flag.
    text = str(int(value)) if isinstance(value, bool) and isinstance(field.default, bool) else str(value)
    try:
        return field.metadata["parse"](text)
    except ValueError:
        shown = "the value" if field.metadata["secret"] else repr(value)
        raise ConfigError(f"{source}: {shown} cannot be used, it must be {field.metadata['wants']}") from None
