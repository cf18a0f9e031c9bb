"""Check objects of the Prometheus Operator against its published models, key by key, and rules with promtool.

The models accept unknown keys silently, as the cluster drops them.

Run by deploy.py in an environment that has cloudcoil's models (Python 3.12): operator_kinds.py FILE...
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from cloudcoil.models.prometheus_operator import v1
from pydantic import BaseModel, ValidationError


def unknown(value: Any, annotation: Any, where: str) -> list[str]:
    """List the keys of a value that its type does not have."""
    if get_origin(annotation) in (Union, types.UnionType):
        options = [each for each in get_args(annotation) if each is not type(None)]
        return min((unknown(value, each, where) for each in options), key=len, default=[])
    arguments = get_args(annotation)
    if isinstance(value, list) and arguments:
        return [key for index, each in enumerate(value) for key in unknown(each, arguments[0], f"{where}[{index}]")]
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel) and isinstance(value, dict)):
        return []
    model: Any = annotation
    fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    found = [f"{where}.{key}" for key in value if key not in fields]
    return found + [key for name in value.keys() & fields.keys()
                    for key in unknown(value[name], fields[name], f"{where}.{name}")]  # fmt: skip


def promtool(spec: dict[str, Any]) -> list[str]:
    """Return what promtool has against the rules of an object."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(spec, file)
        file.flush()
        checked = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True, check=False)
    return [checked.stderr + checked.stdout] if checked.returncode else []


def main(files: list[str]) -> int:
    """Check each object of the files; 1 if one is wrong or none was found."""
    checked, wrong = 0, 0
    for file in files:
        for thing in yaml.safe_load_all(Path(file).read_text(encoding="utf-8")):
            if not thing or not thing["apiVersion"].startswith("monitoring.coreos.com/"):
                continue
            checked += 1
            kind = thing["kind"]
            model = getattr(v1, kind)
            problems = [key for key in unknown(thing, model, kind) if not key.startswith(f"{kind}.metadata")]
            try:
                model.model_validate(thing)
            except ValidationError as error:
                problems.append(str(error))
            if kind == "PrometheusRule" and not problems:
                problems += promtool(thing["spec"])
            for problem in problems:
                print(f"{file}: {problem}")
            wrong += bool(problems)
    print(f"{checked} objects of the operator checked")
    return int(wrong > 0 or checked == 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
