"""The options: precedence, what each takes, and what it says when it cannot be used."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

import bokeh_exporter
from bokeh_exporter.config import LEVELS, OPTIONS, Config, ConfigError, flag, unknown_variables, variable
from bokeh_exporter.thresholds import Thresholds

pytestmark = pytest.mark.once

#: Option -> (text that can be used, what it becomes), in the order of DESIGN.md.
GOOD: dict[str, list[tuple[str, Any]]] = {
    "address": [("0.0.0.0", "0.0.0.0"), (" ::1 ", "::1")],
    "port": [("0", 0), ("65535", 65535), ("9200", 9200)],
    "port_span": [("1", 1), ("1000", 1000)],
    "sample_period": [("0.05", 0.05), ("86400", 86400.0), ("1e1", 10.0)],
    "verdict_period": [("60", 60.0), ("0.05", 0.05)],
    "collect": [(level, level) for level in LEVELS],
    "token": [("t0psecret", "t0psecret"), (" t0psecret\n", "t0psecret")],
    "token_file": [("/run/secrets/token", "/run/secrets/token")],
    "peers": [
        ("http://a:1, https://b:2/metrics", "http://a:1, https://b:2/metrics"),
        ("bokeh-headless.default.svc:10506", "bokeh-headless.default.svc:10506"),
    ],
    "peers_token_file": [("/run/token", "/run/token")],
    "allowed_hosts": [("metrics.example.org,app", "metrics.example.org,app"), ("*", "*")],
    "tls_cert": [("cert.pem", "cert.pem")],
    "tls_key": [("key.pem", "key.pem")],
    "disabled": [("0", False), ("1", True)],
    "stall_after": [("5", 5.0), ("0.5", 0.5)],
    "debug": [("0", False), ("1", True)],
    "local_debug": [("0", False), ("1", True)],
    "flight_recorder": [("/var/run/flight", "/var/run/flight")],
    "grace": [("60", 60.0), ("0.05", 0.05)],
    "collect_garbage": [("0", False), ("1", True)],
    "collect_garbage_limit": [("300", 300.0), ("0.05", 0.05)],
    "collect_garbage_pause": [("0.25", 0.25), ("5", 5.0)],
    "explain_retained": [("0", False), ("1", True)],
    "capture": [("0", False), ("1", True)],
    "web_config_file": [("/etc/web.yml", "/etc/web.yml")],
    "collection_rules": [("/etc/bokeh/rules.json", "/etc/bokeh/rules.json")],
    "capture_seconds": [("60", 60.0), ("0.5", 0.5)],
    "drain": [("0", False), ("1", True)],
    "drain_seconds": [("60", 60.0), ("0.5", 0.5)],
    "recycle_at": [("0.85", 0.85), (".5", 0.5)],
    "trim_after_destroy": [("0", False), ("1", True)],
    "trim_interval": [("60", 60.0), ("0.5", 0.5)],
    "interactions_kept": [("1", 1), ("1000", 1000)],
    "elements_log": [("off", "off"), ("json", "json")],
    "show_values": [("0", False), ("1", True)],
    "show_quiet": [("0", False), ("1", True)],
    "inventory": [("0", False), ("1", True)],
    "prometheus": [("0", False), ("1", True)],
    "otlp": [("0", False), ("1", True)],
}

BAD: dict[str, list[str]] = {
    "address": [" "],
    "port": ["-1", "65536", "80.5", "http", "0x50", "True"],
    "port_span": ["0", "1001", "two", "1.5"],
    "sample_period": ["0", "0.049", "86401", "nan", "inf", "-1", "soon", "1s"],
    "verdict_period": ["0", "86401", "soon"],
    "collect": ["deep", "Session", "session,update", "1"],
    "token": [" "],
    "token_file": [" "],
    "peers": [" ", "http://user:word@host", "ftp://host", "a b"],
    "peers_token_file": [" "],
    "allowed_hosts": [" "],
    "tls_cert": [" "],
    "tls_key": [" "],
    "disabled": ["yes", "true", "2", "no"],
    "stall_after": ["0", "-1", "never"],
    "debug": ["yes", "2"],
    "local_debug": ["yes", "2"],
    "flight_recorder": [" "],
    "grace": ["0", "-1", "never"],
    "collect_garbage": ["yes", "2"],
    "collect_garbage_limit": ["0", "-1", "never"],
    "collect_garbage_pause": ["0", "-1", "never"],
    "explain_retained": ["yes", "2"],
    "capture": ["yes", "2"],
    "web_config_file": [" "],
    "collection_rules": [" "],
    "capture_seconds": ["0", "soon"],
    "drain": ["yes", "2"],
    "drain_seconds": ["0", "-1", "soon"],
    "recycle_at": ["0", "1", "85", "85%", "nan"],
    "trim_after_destroy": ["yes", "2"],
    "trim_interval": ["0", "-1", "never"],
    "interactions_kept": ["0", "1001", "few"],
    "elements_log": ["on", "JSON"],
    "show_values": ["yes", "2"],
    "show_quiet": ["yes", "2"],
    "inventory": ["yes", "2"],
    "prometheus": ["yes", "2"],
    "otlp": ["yes", "2"],
}

#: TLS needs both.
BESIDE = {"tls_cert": {"tls_key": "key.pem"}, "tls_key": {"tls_cert": "cert.pem"}}


def pairs(table: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in table.items() for value in values]


#: The numbers above which something is evidence: a table of its own, each with a reason and bounds.
THRESHOLDS = [name for name, field in OPTIONS.items() if "reason" in field.metadata]


def test_every_option_is_tried_here() -> None:
    assert GOOD.keys() == BAD.keys() == OPTIONS.keys() - set(THRESHOLDS)
    assert {field.name for field in dataclasses.fields(Thresholds)} == set(THRESHOLDS)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_thresholds_have_a_reason_and_keep_to_their_bounds(name: str) -> None:
    field = OPTIONS[name]
    assert len(field.metadata["reason"]) > 40
    default: Any = field.default
    kind = type(default)
    least, most = map(float, re.findall(r"\d[\d.e+]*", field.metadata["wants"]))
    assert least <= default <= most
    for good in (least, most, default):
        value = getattr(Config.load({variable(name): f"{good:.17g}"}), name)
        assert (value, type(value)) == (good, kind)
    for bad in (f"{least - 1:.17g}", f"{2 * most:.17g}", "nan", "many"):
        with pytest.raises(ConfigError, match=f"^{variable(name)}: .*number from"):
            Config.load({variable(name): bad})


def test_defaults() -> None:
    config = Config.load({})
    assert config == Config()
    assert (config.address, config.port, config.port_span, config.sample_period, config.collect) == (
        "127.0.0.1", 10506, 1, 1.0, "callback",
    )  # fmt: skip
    assert not config.disabled
    assert not config.debug
    assert config.stall_after == 5.0
    assert (config.token, config.token_file, config.tls_cert, config.tls_key) == (None, None, None, None)


@pytest.mark.parametrize(("name", "value"), pairs(GOOD))
def test_good_values(name: str, value: tuple[str, Any]) -> None:
    text, parsed = value
    beside = BESIDE.get(name, {})
    by_keyword = Config.load({}, **{name: text}, **beside)
    by_variable = Config.load({variable(name): text}, **beside)
    as_itself = Config.load({}, **{name: parsed}, **beside)
    assert getattr(by_keyword, name) == parsed
    assert type(getattr(by_keyword, name)) is type(parsed)
    assert by_keyword == by_variable == as_itself


@pytest.mark.parametrize(("name", "text"), pairs(BAD))
def test_bad_values_name_the_option_the_value_and_the_remedy(name: str, text: str) -> None:
    beside = BESIDE.get(name, {})
    for source, environ, given in ((name, {}, {name: text}), (variable(name), {variable(name): text}, {})):
        with pytest.raises(ConfigError) as caught:
            Config.load(environ, **given, **beside)
        message = str(caught.value)
        shown = "the value" if OPTIONS[name].metadata["secret"] else repr(text)
        assert message.startswith(f"{source}: {shown} cannot be used, it must be ")
        assert message.endswith(OPTIONS[name].metadata["wants"])
        assert "\n" not in message
        assert caught.value.__suppress_context__


def test_a_bad_value_is_a_value_error() -> None:
    assert issubclass(ConfigError, ValueError)
    assert bokeh_exporter.ConfigError is ConfigError


@pytest.mark.parametrize(
    ("name", "value"), [("port", True), ("port", 80.5), ("sample_period", True), ("disabled", 2), ("disabled", "True")]
)
def test_bad_values_of_other_types(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: "):
        Config.load({}, **{name: value})


@pytest.mark.parametrize(("value", "parsed"), [(True, True), (False, False), (1, True), (0, False)])
def test_booleans(value: object, parsed: bool) -> None:
    assert Config.load({}, disabled=value).disabled is parsed


def test_an_argument_wins_over_the_environment_over_the_default() -> None:
    environ = {"BOKEH_EXPORTER_PORT": "1", "BOKEH_EXPORTER_COLLECT": "all"}
    config = Config.load(environ, port=2)
    assert (config.port, config.collect, config.sample_period) == (2, "all", 1.0)
    # What is not given, or empty as in `BOKEH_EXPORTER_PORT= panel serve`, is not there.
    assert Config.load(environ, port=None).port == 1
    assert Config.load({"BOKEH_EXPORTER_PORT": ""}).port == 10506
    # 0 and False are given.
    assert Config.load({"BOKEH_EXPORTER_DISABLED": "1", **environ}, port=0, disabled=False) == Config(
        port=0, collect="all"
    )
    # A bad value that does not count does no harm.
    assert Config.load({"BOKEH_EXPORTER_PORT": "x"}, port=3).port == 3


def test_the_environment_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOKEH_EXPORTER_PORT", "4")
    assert Config.load().port == 4
    monkeypatch.setenv("BOKEH_EXPORTER_PORT", "5")
    assert Config.load().port == 5


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("prot", "did you mean port?"),
        ("sample_perod", "did you mean sample_period?"),
        ("tokenfile", "did you mean token_file?"),
        ("xyzzy", "known are address, port, port_span, sample_period, verdict_period, collect"),
    ],
)
def test_unknown_options_are_an_error_with_a_suggestion(name: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.load({}, **{name: 1})
    assert str(caught.value).startswith(f"{name} is not a bokeh_exporter option: {remedy}")


def test_unknown_variables_are_a_warning_with_a_suggestion() -> None:
    environ = {
        "BOKEH_EXPORTER_PROT": "1", "BOKEH_EXPORTER_XYZZY": "t0psecret", "BOKEH_EXPORTER_PORT": "1",
        "_BOKEH_EXPORTER_RUN": "{}", "BOKEH_LOG_LEVEL": "debug", "PATH": "",
    }  # fmt: skip
    misspelt, unknown = unknown_variables(environ)
    assert misspelt == (
        "BOKEH_EXPORTER_PROT is not a bokeh_exporter variable: did you mean BOKEH_EXPORTER_PORT?; it is ignored"
    )
    assert unknown.startswith("BOKEH_EXPORTER_XYZZY is not a bokeh_exporter variable: known are BOKEH_EXPORTER_ADDRESS")
    assert "t0psecret" not in unknown
    assert Config.load(environ).port == 1


def test_what_does_not_go_together() -> None:
    with pytest.raises(
        ConfigError, match=r"^BOKEH_EXPORTER_TOKEN and BOKEH_EXPORTER_TOKEN_FILE are both set: keep one"
    ):
        Config.load({"BOKEH_EXPORTER_TOKEN_FILE": "f"}, token="t0psecret")
    with pytest.raises(ConfigError, match=r"^BOKEH_EXPORTER_TLS_CERT is set without BOKEH_EXPORTER_TLS_KEY: TLS needs"):
        Config.load({}, tls_cert="c")
    with pytest.raises(ConfigError, match=r"^BOKEH_EXPORTER_TLS_KEY is set without BOKEH_EXPORTER_TLS_CERT: TLS needs"):
        Config(tls_key="k")


def test_the_token_is_in_no_repr_and_no_error() -> None:
    config = Config.load({}, token="t0psecret")
    assert config.token == "t0psecret"
    for shown in (repr(config), str(config), f"{config}"):
        assert "t0psecret" not in shown
    for given in (
        {"token": "t0psecret", "token_file": "f"},
        {"token": "t0psecret", "port": "x"},
        {"token": "t0psecret", "tls_cert": "c"},
    ):
        with pytest.raises(ConfigError) as caught:
            Config.load({}, **given)
        assert "t0psecret" not in str(caught.value)


def test_a_config_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().port = 1  # type: ignore[misc]


def test_levels_include_the_ones_before() -> None:
    for index, level in enumerate(LEVELS):
        config = Config.load({}, collect=level)
        assert [each for each in LEVELS if config.includes(each)] == list(LEVELS[: index + 1])


def test_each_option_has_the_three_names_of_its_own() -> None:
    assert [variable(name) for name in ("sample_period", "tls_cert")] == [
        "BOKEH_EXPORTER_SAMPLE_PERIOD", "BOKEH_EXPORTER_TLS_CERT",
    ]  # fmt: skip
    assert flag("sample_period") == "--sample-period"
    for field in OPTIONS.values():
        assert field.metadata["help"].endswith(".")
        assert field.metadata["wants"]
