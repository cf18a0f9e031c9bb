"""The flight recorder: the last minutes of a process in a file that survives it, and how the last life ended.

A file of a fixed size in the folder of the option ``flight_recorder``, mapped into memory and written as a ring of
slots, each with a number, a length and a checksum. SIGKILL and the kernel's out-of-memory killer leave what is mapped
in the page cache, so nothing has to be synchronised; a slot that was being written has a wrong checksum and is left
out. One slot costs some 10 microseconds. Rejected: a log file (unbounded, and buffered when the process dies), SQLite
(locks and syncs in the server's process). A machine that loses power may lose the last half minute.

The lock on the file goes with its process: each process of ``--num-procs`` takes the first file that is free.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

#: Bytes of a slot and their number: 1 MiB. Twelve samples and a summary a minute fill it in twenty minutes.
SLOT, SLOTS = 4096, 256
#: Files in a folder: more processes than any machine's server has.
_FILES = 256
_MAGIC = 0xB0CE4F17
#: Magic, number, length, checksum of number and content.
_HEAD = struct.Struct("<IQII")
#: Characters of a text in a record.
_TEXT = 600

FlightRecord = Mapping[str, Any]


class Life(NamedTuple):
    """What is left of a process."""

    #: How it ended in a sentence.
    text: str
    #: ``clean``, ``oom_kill`` or ``killed``.
    how: str
    #: Unix time of its last record.
    ended: float
    #: Its records, the oldest first.
    records: list[FlightRecord]

    def as_json(self) -> dict[str, Any]:
        """Return it as ``/api/v1/status`` has it, with the last record of each kind."""
        last = {str(one.get("kind")): one for one in self.records}
        return {"text": self.text, "how": self.how, "ended": self.ended, "last": last}


class FlightRecorder:
    """Writes the file of this process.

    Args:
        folder: where the files are.

    Raises:
        OSError: the folder cannot be used.
    """

    def __init__(self, folder: str) -> None:
        import fcntl  # not everywhere; its lack is an ImportError, which whoever makes us reports

        if not Path(folder).is_dir():
            raise NotADirectoryError(f"there is no folder {folder}")
        for number in range(_FILES):
            path = Path(folder) / f"flight-{number}.bin"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            break
        else:
            raise OSError(f"all {_FILES} files of {folder} are in use")
        self.path, self._descriptor = path, descriptor
        os.ftruncate(descriptor, SLOT * SLOTS)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, SLOT * SLOTS)  # on a full disk a mapped page would be a SIGBUS
        self._map: mmap.mmap | None = mmap.mmap(descriptor, SLOT * SLOTS)
        numbered = _numbered(self._map[:])
        #: What the process before left; None if there was none.
        self.before: list[FlightRecord] = _last_life([record for _, record in numbered])
        self._next = numbered[-1][0] + 1 if numbered else 1

    def write(self, kind: str, **content: Any) -> None:
        """Add a record. What is too large loses its longest texts."""
        if self._map is None:
            return
        body = json.dumps({"kind": kind, "time": time.time(), **_bounded(content)}, separators=(",", ":")).encode()
        if len(body) > SLOT - _HEAD.size:
            body = json.dumps({"kind": kind, "time": time.time(), "cut": True}).encode()
        at = self._next % SLOTS * SLOT
        self._map[at : at + _HEAD.size] = bytes(_HEAD.size)
        self._map[at + _HEAD.size : at + _HEAD.size + len(body)] = body
        head = _HEAD.pack(_MAGIC, self._next, len(body), _checksum(self._next, body))
        self._map[at : at + _HEAD.size] = head
        self._next += 1

    def close(self) -> None:
        """Write that the end was an orderly one, and give the file free. Idempotent."""
        if self._map is not None:
            self.write("end")
            self.abandon()

    def abandon(self) -> None:
        """In a forked child: the file is the parent's, and so is its lock."""
        mapped, self._map = self._map, None
        if mapped is not None:
            mapped.close()
            with contextlib.suppress(OSError):
                os.close(self._descriptor)


def read(path: str | Path) -> list[FlightRecord]:
    """Return the records of a file, the oldest first; of none that is no recorder's."""
    return [record for _, record in _numbered(Path(path).read_bytes())]


def _numbered(content: bytes) -> list[tuple[int, FlightRecord]]:
    found = []
    for at in range(0, len(content) - SLOT + 1, SLOT):
        magic, number, length, checksum = _HEAD.unpack_from(content, at)
        body = content[at + _HEAD.size : at + _HEAD.size + length]
        if magic == _MAGIC and length <= SLOT - _HEAD.size and checksum == _checksum(number, body):
            with contextlib.suppress(ValueError):
                record = json.loads(body)
                if isinstance(record, dict) and isinstance(record.get("time"), float):
                    found.append((number, record))
    return sorted(found, key=lambda one: one[0])


def _checksum(number: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(number.to_bytes(8, "little")))


def _bounded(content: Any, most: int = 12) -> Any:
    if isinstance(content, str):
        return content if len(content) <= _TEXT else content[: _TEXT - 1] + "…"
    if isinstance(content, Mapping):
        return {str(key)[:100]: _bounded(value) for key, value in list(content.items())[: 2 * most]}
    if isinstance(content, (list, tuple)):
        return [_bounded(value) for value in content[:most]]
    return content


def _last_life(records: list[FlightRecord]) -> list[FlightRecord]:
    starts = [index for index, record in enumerate(records) if record.get("kind") == "start"]
    return records[starts[-1] :] if starts else records  # of a long life the start has been written over


# --- how it ended -----------------------------------------------------------------------------------


def last_life(records: Sequence[FlightRecord], oom_kills: float | None, now: float) -> Life | None:
    """Say how the process that left these records ended.

    Args:
        records: ``FlightRecorder.before``.
        oom_kills: processes that the kernel has killed in this cgroup until now, None where that is not counted.
        now: Unix time.
    """
    if not records:
        return None
    by_kind = {str(record.get("kind")): record for record in records}
    ended = float(records[-1]["time"])
    sample, summary = by_kind.get("sample", {}), by_kind.get("summary", {})
    then = sample.get("oom_kills")
    killed = (oom_kills or 0) - then if oom_kills is not None and isinstance(then, (int, float)) else 0
    parts = []
    share = sample.get("share")
    if isinstance(share, (int, float)) and share > _TELLING:
        parts.append(f"at {share * 100:.0f} % of {sample.get('share_of', 'the limit')}")
    if "end" in by_kind:
        how, said = "clean", "by an orderly shutdown"
    elif killed > 0:
        # Of the cgroup: where it has other processes it may have been one of them.
        how, said = "oom_kill", f"killed by the kernel (oom_kill +{killed:.0f})"
    else:
        how, said = "killed", "without a shutdown: SIGKILL, a crash, or out of memory where its cgroup went with it"
    head = f"last life ended {_ago(now - ended)} {' '.join(parts)}".rstrip()
    sentences = [f"{head}, {said}" if parts else f"{head} {said}"]
    held = summary.get("holders") or []
    sessions = sample.get("sessions")
    if isinstance(sessions, (int, float)):
        sentences.append(f"{sessions:.0f} sessions open")
    sentences += [str(one) for one in held[:2]]
    verdict = sample.get("verdict")
    if verdict and verdict != "healthy":
        sentences.append(f"verdict {verdict}")
    stall = by_kind.get("stall")
    if stall is not None and how != "clean" and ended - float(stall["time"]) < _RECENT:
        sentences.append(f"before that: {'; '.join(map(str, stall.get('why', [])))}")
    return Life(", ".join(sentences), how, ended, list(records))


#: Share of the limit or the machine above which it says something about the end.
_TELLING = 0.05
#: Seconds before the end within which a stall is reported with it.
_RECENT = 60.0


def _ago(seconds: float) -> str:
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 5400 else f"{seconds / 3600:.1f} h ago"
