"""Run the front door on the Pythons that `make test` does not: 3.13, and 3.14 and newer out of Debian's sid.

Usage: python .ci/pythons.py [PYTEST ARGUMENT...]

A Python that is on the path or in pyenv is used as it is. For one that is not, as root on Debian, sid is unpacked into
the folder ``.venv-sid`` with the mirror that apt has, and what runs there sees this repository at its own path. What it
mounts is gone when it ends, so `make clean` removes files only. A Python that is not to be had is named INCOMPLETE, in
CI as well: these lines are an hour's work, and CI has its time used up by `make test`, so it never runs this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import lines

from bokeh_exporter import tested

ROOT = lines.ROOT
SID = ROOT / ".venv-sid"
#: Run in a mount namespace of its own: $1 is the folder, $2 this repository.
ENTER = (
    'mount --bind /proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --bind /sys "$1/sys" '
    '&& mount --bind "$2" "$1$2" && folder="$1" && shift 2 && exec chroot "$folder" "$@"'
)
#: Files of this machine that programs in the folder need to reach what is outside.
SHARED = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
#: Name folders or files that are not there inside.
OUTSIDE = ("PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_CERT", "VIRTUAL_ENV", "PYTHONPATH", "PYENV_ROOT", "TMPDIR")
PACKAGES = ("ca-certificates", "procps", "prometheus", "prometheus-alertmanager", "chromium", "nginx-light")


def mirror() -> str | None:
    """Return the address that apt has Debian from; None where apt is not or has none."""
    if shutil.which("apt-get") is None:
        return None
    command = [
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI) $(CODENAME)",
        "Created-By: Packages",
        "Origin: Debian",
    ]
    for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
        address, _, codename = line.partition(" ")
        if codename.isalpha():  # neither its updates nor its security
            return address
    return None


def unpack(versions: list[str]) -> str | None:
    """Put Debian's sid with these Pythons into its folder, unless they are there; return why that cannot be done."""
    if all((SID / "usr" / "bin" / f"python{version}").exists() for version in versions):
        return None
    source = mirror()
    if source is None or os.name != "posix" or os.geteuid() != 0:
        return "as root on Debian it is made out of Debian's sid"
    if shutil.which("mmdebstrap") is None:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "mmdebstrap"],
                       stdout=subprocess.DEVNULL, check=False)  # fmt: skip
    lines.say(f"unpacking Debian's sid with Python {', '.join(versions)} into {SID.name}: some minutes")
    packages = [name for version in versions for name in (f"python{version}", f"python{version}-venv")]
    shutil.rmtree(SID, ignore_errors=True)
    try:
        subprocess.run(
            ["mmdebstrap", "--quiet", "--aptopt=Acquire::Check-Valid-Until \"false\"", "--variant=apt",
             f"--include={','.join([*packages, *PACKAGES])}", "sid", SID, f"deb [trusted=yes] {source} sid main"],
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        return f"Debian's sid cannot be unpacked: {error}"
    (SID / str(ROOT).lstrip("/")).mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        if Path(name).exists():
            shutil.copy(name, SID / name.lstrip("/"))
    return None


def inside(*command: str | Path) -> list[str]:
    """Return the command line that runs a command in the folder."""
    environment = [
        "env",
        f"--chdir={ROOT}",
        *(word for name in OUTSIDE for word in ("-u", name)),
        "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
    ]
    # No compiler is inside: what has a wheel for each Python does without one.
    environment += ["HOME=/root", "AUTOBAHN_USE_NVX=0"]
    return ["unshare", "--mount", "sh", "-c", ENTER, "sh", str(SID), str(ROOT), *environment, *map(str, command)]


def try_inside(line: lines.Line, arguments: list[str]) -> str:
    """Run the front door on a Python in the folder and return its line of the summary."""
    python = lines.python_in(line.folder)
    try:
        if subprocess.run(inside(python, "-c", ""), capture_output=True, check=False).returncode:
            lines.say(f"making {line.folder} with Python {line.python}")
            subprocess.run(inside(f"python{line.python}", "-m", "venv", "--clear", ROOT / line.folder), check=True)
        lines.say(f"installing into {line.folder} ({line.title})")
        pip = (python, "-m", "pip", "install", "-qq", "--disable-pip-version-check")
        subprocess.run(inside(*pip, "--upgrade", "pip>=25.1"), check=True)
        subprocess.run(inside(*pip, "--editable", line.package, "--group", line.group, *line.pins), check=True)
    except subprocess.CalledProcessError as error:
        return f"FAILED with status {error.returncode}: installing for {line.title}"
    pytest: list[str | Path] = [python, "-m", "pytest", *line.select, "-o", f"cache_dir={line.folder}/pytest_cache"]
    return lines.run(f"pytest, {line.title}", *inside(*pytest, *lines.PARALLEL, *arguments))


def main(arguments: list[str]) -> int:
    """Run all of them; 1 if one failed."""
    every = [
        replace(
            lines.Line(line.python, lines.pins(line), f".venv-{line.python}"), select=("-m", "not e2e and not once")
        )
        for line in tested.PYTHONS
    ]
    # What needs a browser is not selected, and what it imports cannot be imported on each of them.
    arguments = arguments or ["tests/front_door", "tests/unit/observe", "--ignore=tests/front_door/e2e"]
    without = [line.python for line in every if lines.find_python(line.python) is None]
    why = unpack(without) if without else None
    summary = []
    for line in every:
        if line.python not in without:
            summary.append(lines.test(line, partial(lines.install, line), arguments))
        elif why is None:
            summary.append(try_inside(line, arguments))
        else:
            summary.append(f"INCOMPLETE: {line.title} was not run: there is no Python {line.python} here; {why}")
    for result in summary:
        lines.say(result)
    return int(any(result.startswith("FAILED") for result in summary))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
