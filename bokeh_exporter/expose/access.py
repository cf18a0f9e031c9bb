"""Access control: by token or browser cookie, by the requested host name, by the requesting site.

A page on the internet can let its own name point to 127.0.0.1 and then read what a server there answers (DNS
rebinding), so a name must be known; an address in digits cannot be rebound. It can also send forms to any
server, so a POST that a browser sends must come from the page itself.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from http.client import responses
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from ..config import variable
from .http_messages import Answer, Request
from .web.rate import RateLimit
from .web.users import Users

#: Seconds that a login lasts.
LOGIN = 12 * 3600
#: Seconds that a token is good after it was replaced: a kubelet may bring a secret to Prometheus that much later.
FORMER = 120.0
_METRICS = "/metrics"
#: Wrong tokens from one address within a minute, after which it gets 429: a person mistypes a few times.
_WRONG, _MINUTE = 10, 60.0
#: Addresses that are remembered, the last ones: what is kept of strangers must not grow.
_ADDRESSES = 1024
_COOKIE = "bokeh_exporter_"


def is_loopback(name: str) -> bool:
    """Whether a name or address is this machine's own, whoever answers names."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class AllowedHosts:
    """The names that a request may have in ``Host``.

    Args:
        address: that the endpoint listens on.
        more: names that are let in besides; ``*`` is any.
        open_paths: asked for by machines that use any name, such as a kubelet.
    """

    def __init__(self, address: str, more: Iterable[str] = (), open_paths: Collection[str] = ()) -> None:
        self._names = {address.lower(), *(name.strip().lower() for name in more if name.strip())}
        self._public = not is_loopback(address)
        # Prometheus scrapes by the service's name, which we cannot know.
        self._any = {*open_paths, *([_METRICS] if self._public else [])}

    def lets_in(self, request: Request) -> bool:
        """Whether the name that was asked for is one of ours."""
        host = request.headers.get("Host")
        if host is None or request.path in self._any or "*" in self._names:
            return True  # a browser always sends one
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return name in self._names or is_loopback(name) or (self._public and _is_address(name))


class Access:
    """Decides who is refused.

    Args:
        token: the bearer token; None for no protection.
        open_paths: what needs no token.
        hosts: the names that are let in; None for any.
        login: answers ``/`` to whoever has no token; None answers 401 in a word.
        users: who may ask with a password, besides those with the token; None for nobody.
        rate: how often may be asked; the open paths are left out of it.
        clock: seconds that only go forward.

    The right token is let in however many wrong ones came from the same address, which may be a proxy's: locking it
    out would let anybody switch monitoring off.
    """

    def __init__(
        self, token: str | None, open_paths: Collection[str], hosts: AllowedHosts | None, login: Answer | None = None,
        clock: Callable[[], float] = time.monotonic, *, users: Users | None = None, rate: RateLimit | None = None,
    ) -> None:  # fmt: skip
        self._clock = clock
        #: Replaced as a whole when their file changes.
        self.users, self.rate = users, rate
        #: Address -> end of its minute, and the wrong tokens in it.
        self._wrong: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._token = None if token is None else token.encode()
        #: The token before that one, and the ``time.monotonic()`` until which it is good.
        self._former: tuple[bytes, float] = (b"", 0.0)
        self._open_paths, self._hosts, self._login = open_paths, hosts, login
        #: Of the endpoint; the names of cookies hold it, since a browser sends a host's cookies to all its ports.
        self.port = 0
        self.tls = False
        # For that reason the cookie is not the token either: the app, on another port, gets it as well.
        self._pass = "" if token is None else _pass(token)

    def renew(self, token: str) -> None:
        """Want another token from now on; the one before is good for some minutes more."""
        if self._token is not None and token.encode() != self._token:
            self._former = self._token, time.monotonic() + FORMER
            self._token, self._pass = token.encode(), _pass(token)

    def refusal(self, request: Request) -> Answer | None:
        """Return the answer to a refused request, None if it is allowed."""
        if self._hosts is not None and not self._hosts.lets_in(request):
            option = variable("allowed_hosts")
            return _says(403, f"this host name is not allowed: add it to {option}, or use the IP address")
        if request.method == "POST" and _from_elsewhere(request):
            return _says(403, "requests from another site are refused")
        if request.path in self._open_paths:
            return None
        pause = self.rate.wait() if self.rate is not None else 0.0
        if pause > 0:
            return _says(429, "too many requests", {"Retry-After": f"{math.ceil(pause)}"})
        if (self._token is None and self.users is None) or self._knows(request):
            return None
        wait = self._wait(request)
        if wait > 0:
            return _says(429, "too many wrong tokens", {"Retry-After": f"{wait:.0f}", "Connection": "close"})
        if self.users is not None:
            return _says(
                401, responses[401].lower(), {"WWW-Authenticate": 'Basic realm="bokeh_exporter", charset="UTF-8"'}
            )
        if request.path == "/" and self._login is not None:
            return self._login
        return _says(401, responses[401].lower(), {"WWW-Authenticate": "Bearer"})

    def _wait(self, request: Request) -> float:
        """Count a wrong token; return for how many seconds its address gets nothing else than 429, 0 for not at all."""
        if "Authorization" not in request.headers and not logged_in(request):
            return 0.0
        now = self._clock()
        end, count = self._wrong.pop(request.address, (0.0, 0))
        if now >= end:
            end, count = now + _MINUTE, 0
        self._wrong[request.address] = end, count + 1
        if len(self._wrong) > _ADDRESSES:
            self._wrong.popitem(last=False)
        return end - now if count >= _WRONG else 0.0

    def _knows(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # As the bytes that came: compare_digest refuses text that is not ASCII.
        if scheme.lower() == "bearer" and self._token is not None:
            sent, (former, until) = given.strip().encode("latin-1", "replace"), self._former
            known = hmac.compare_digest(sent, self._token)
            return known or (time.monotonic() < until and hmac.compare_digest(sent, former))
        if scheme.lower() == "basic" and self.users is not None:
            return bool(self.users.knows(given.strip()))
        if self._token is None:
            return False
        try:
            cookie = SimpleCookie(request.headers.get("Cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode("utf-8", "replace"), self._pass.encode())

    @property
    def _cookie(self) -> str:
        return f"{_COOKIE}{self.port}"

    def login(self, request: Request) -> Answer:
        """Give a browser, which has just sent the token, a cookie instead."""
        return self._answer(self._pass, LOGIN)

    def logout(self, request: Request) -> Answer:
        """Take it away again."""
        return self._answer("", 0)

    def _answer(self, value: str, age: int) -> Answer:
        secure = "; Secure" if self.tls else ""
        cookie = f"{self._cookie}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"
        return Answer(204, b"", "", {"Set-Cookie": cookie})


def _pass(token: str) -> str:
    return hmac.new(token.encode(), b"status page", hashlib.sha256).hexdigest()


def logged_in(request: Request) -> bool:
    """Whether whoever asks has a cookie of ours; whether it is good has been looked at before."""
    return _COOKIE in request.headers.get("Cookie", "")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _from_elsewhere(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != request.headers.get("Host", "")
    except ValueError:  # "http://[": no page of ours has sent it
        return True


def _says(status: int, text: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, f"{text}\n".encode(), "text/plain; charset=utf-8", headers or {})
