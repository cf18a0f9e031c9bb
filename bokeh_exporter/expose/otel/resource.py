"""What our telemetry is of: the service, this process of it, its container and its pod."""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from opentelemetry.sdk.resources import Resource

#: Attribute -> the variables that the downward API usually fills.
_DOWNWARD = {
    "k8s.pod.name": ("POD_NAME", "K8S_POD_NAME"),
    "k8s.namespace.name": ("POD_NAMESPACE", "K8S_NAMESPACE", "NAMESPACE"),
    "k8s.pod.uid": ("POD_UID", "K8S_POD_UID"),
    "k8s.node.name": ("NODE_NAME", "K8S_NODE_NAME"),
    "k8s.container.name": ("CONTAINER_NAME", "K8S_CONTAINER_NAME"),
    "k8s.deployment.name": ("DEPLOYMENT_NAME", "K8S_DEPLOYMENT_NAME"),
}
_CONTAINER = re.compile(r"(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?=$|[/\s])", re.MULTILINE)


def resource(environ: Mapping[str, str] = os.environ) -> Resource:
    """Return the resource; what ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` say wins.

    The command line is not in it: it may hold a cookie secret or a password.
    """
    ours: dict[str, str | int] = {
        "service.name": "bokeh-server",
        "service.instance.id": str(uuid.uuid4()),
        "process.pid": os.getpid(),
        "process.executable.name": Path(sys.executable).name,
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": ".".join(map(str, sys.version_info[:3])),
        **{name: value for name, keys in _DOWNWARD.items() for key in keys if (value := environ.get(key))},
    }
    container = container_id()
    if container is not None:
        ours["container.id"] = container
    given = {
        name: value
        for name, value in Resource.create().attributes.items()
        if not (name == "service.name" and str(value).startswith("unknown_service"))
    }
    return Resource({**ours, **given})


def container_id(proc: Path = Path("/proc/self")) -> str | None:
    """Return the id of the container that this process is in, None outside of one."""
    for name in ("cgroup", "mountinfo"):
        try:
            text = (proc / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if name == "mountinfo":  # other containers' folders may be mounted; only these files are our own's
            text = "\n".join(line for line in text.splitlines() if "/etc/hostname" in line or "/etc/hosts" in line)
        found = _CONTAINER.search(text)
        if found:
            return found.group(1)
    return None
