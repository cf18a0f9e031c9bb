"""Users with passwords, of which only bcrypt's hashes are known.

A hash takes a tenth of a second by design, in the endpoint's thread. So what was right once is remembered, as a keyed
hash of its own, and only so many are computed a minute: else whoever guesses would keep scrapes from being answered.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import importlib
import os
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

from ...config import ConfigError, variable

#: Credentials that are remembered, and hashes that are computed in a minute.
_KNOWN, _COMPUTED, _MINUTE = 256, 30, 60.0
#: bcrypt takes no more bytes of a password, and an attacker sends what he likes.
_LONGEST = 72


class Users:
    """Who may ask.

    Args:
        hashes: user -> bcrypt's hash of the password.
        check: whether a password is that of a hash.
        clock: seconds that only go forward.
    """

    def __init__(
        self, hashes: Mapping[str, bytes], check: Callable[[bytes, bytes], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._hashes, self._check, self._clock = hashes, check, clock
        self._key = os.urandom(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._computed: deque[float] = deque(maxlen=_COMPUTED)

    def knows(self, given: str) -> bool | None:
        """Whether what came after ``Basic`` is a user's; None if too many were asked for that to be looked at."""
        try:
            name, _, password = base64.b64decode(given, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        proof = hmac.new(self._key, name + b"\0" + password, hashlib.sha256).digest()
        if proof in self._right:
            self._right.move_to_end(proof)
            return True
        now = self._clock()
        if len(self._computed) == _COMPUTED and now - self._computed[0] < _MINUTE:
            return None
        self._computed.append(now)
        stored = self._hashes.get(name.decode("utf-8", "replace"))
        # An unknown user takes as long as a known one: how long it takes says nothing.
        right = self._check(password[:_LONGEST], stored or next(iter(self._hashes.values()))) and stored is not None
        if right:
            self._right[proof] = None
            if len(self._right) > _KNOWN:
                self._right.popitem(last=False)
        return right


def users_of(content: object, path: str) -> Users:
    """Make the users of a section of the file.

    Raises:
        ConfigError: a hash is none of bcrypt's, or bcrypt is not installed.
    """
    where = f"{variable('web_config_file')}={path}: basic_auth_users"
    if not isinstance(content, dict) or not all(isinstance(each, str) for each in (*content, *content.values())):
        raise ConfigError(f"{where} must have a name and a hash in each line")
    try:
        bcrypt = importlib.import_module("bcrypt")
    except ImportError:
        raise ConfigError(f"{where} needs bcrypt: pip install 'bokeh-exporter[basic-auth]'") from None
    hashes = {name: each.encode() for name, each in content.items()}
    for name, each in hashes.items():
        try:
            bcrypt.checkpw(b"", each)
        except ValueError:
            raise ConfigError(f"{where}: what stands for {name[:60]!r} is no hash of bcrypt's") from None
    return Users(hashes, bcrypt.checkpw)
