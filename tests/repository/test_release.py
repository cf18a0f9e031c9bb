"""What is released: the distributions, what PyPI shows of them, conda's recipe, the changelog and the tag."""

from __future__ import annotations

import email.message
import email.parser
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from bokeh_exporter import __version__, tested

if sys.version_info >= (3, 11):
    import tomllib
else:  # the tests run on the first line only, whatever Python that has
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read TOML")

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RECIPE = ROOT / "recipe" / "recipe.yaml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# --- distributions -----------------------------------------------------------------------------------


@pytest.fixture
def metadata(distributions: Path) -> email.message.Message:
    """What the wheel says of itself."""
    (wheel,) = distributions.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.parser.Parser().parsestr(archive.read(name).decode())


def test_the_wheel_says_its_license_its_pythons_and_that_pytest_finds_it(metadata: email.message.Message) -> None:
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata.get_all("License-File") == ["LICENSE"]
    classifiers = metadata.get_all("Classifier") or []
    assert "Framework :: Pytest" in classifiers
    assert not [each for each in classifiers if each.startswith("License ::")], "PyPI refuses both forms at once"
    pythons = {each.rpartition(" ")[2] for each in classifiers if re.search(r":: 3\.\d+$", each)}
    assert pythons == {line.python for line in (*tested.LINES, *tested.PYTHONS)}


def test_the_description_has_nothing_that_pypi_cannot_show(metadata: email.message.Message) -> None:
    text = str(metadata.get_payload())
    assert text.startswith("# bokeh_exporter\n")
    assert re.findall(r"!\[", text) == []
    assert [target for target in re.findall(r"\]\(([^)]*)\)", text) if not target.startswith("https://")] == []
    assert "pip install bokeh-exporter" in text
    for absent in ("make run", "make test", "no release yet", "From a clone"):
        assert absent not in text
    readme = re.findall(r"^## .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert readme[-1] == "## More", "a table of links, which PyPI cannot follow"
    assert re.findall(r"^## .*$", text, re.MULTILINE) == [*readme[:-1], "## Documentation and changes"]


def test_the_source_distribution_has_what_its_tests_and_documents_are_made_from(distributions: Path) -> None:
    (source,) = distributions.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a clone: git cannot say what is tracked")
    assert [name for name in tracked.stdout.splitlines() if (ROOT / name).exists() and name not in names] == []


@pytest.mark.timeout(400)  # it installs Bokeh from the network, on a machine that may do more beside it
@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_each_installs_into_an_empty_environment_and_starts(distributions: Path, tmp_path: Path, kind: str) -> None:
    # Their dependencies are those of this environment: to install them again takes a minute, and pip does it before a
    # release, on each Python (.github/workflows/release.yml), and where an image is built (test_images.py).
    (distribution,) = distributions.glob(kind)
    shutil.copy(distribution, tmp_path)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    command = [sys.executable, str(ROOT / ".ci" / "release.py"), "try", str(tmp_path), version]
    command += ["--beside", sysconfig.get_path("purelib")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{distribution.name}{'[all]' if kind == '*.whl' else ''} installs and starts" in done.stdout


# --- conda -------------------------------------------------------------------------------------------

#: PyPI's name -> conda-forge's, where they differ.
CONDA = {"prometheus-client": "prometheus_client"}


def conda(requirement: str) -> str:
    """Return a requirement as conda writes it, the bounds in an order of ours."""
    parsed = Requirement(requirement)
    return f"{CONDA.get(parsed.name, parsed.name)} {','.join(sorted(map(str, parsed.specifier)))}".strip()


def sorted_bounds(text: str) -> str:
    name, _, bounds = text.partition(" ")
    return f"{name} {','.join(sorted(bounds.split(',')))}".strip()


def rendered() -> dict[str, Any]:
    """The recipe as rattler-build renders it."""
    rattler_build = pytest.importorskip("rattler_build", reason="pip install --group release")
    (output,) = rattler_build.Stage0Recipe.from_file(RECIPE).render(
        rattler_build.VariantConfig(), rattler_build.RenderConfig()
    )
    recipe: dict[str, Any] = output.recipe.to_dict()
    return recipe


def test_the_conda_recipe_renders_and_agrees_with_pyproject() -> None:
    recipe, project = rendered(), PROJECT["project"]
    assert recipe["package"] == {"name": project["name"], "version": __version__}
    assert recipe["about"]["license"] == project["license"]
    assert recipe["about"]["license_file"] == project["license-files"]
    assert recipe["about"]["summary"] == project["description"]
    scripts = [f"{name} = {target}" for name, target in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == scripts
    requirements = recipe["requirements"]
    least = project["requires-python"].removeprefix(">=")
    run = {f"python >={least}", *map(conda, project["dependencies"])}
    assert set(map(sorted_bounds, requirements["run"])) == run
    build = {f"python {least}.*", "pip", *map(conda, PROJECT["build-system"]["requires"])}
    assert set(map(sorted_bounds, requirements["host"])) == build
    groups = project["optional-dependencies"]
    extras = {each for name, group in groups.items() if name != "instruments" for each in group}
    optional = {conda(each) for each in extras if Requirement(each).name != project["name"]}
    assert set(map(sorted_bounds, requirements["run_constraints"])) == optional


# --- lower bounds ------------------------------------------------------------------------------------


def test_the_constraints_are_the_lower_bounds() -> None:
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    asked = [Requirement(each) for group in groups for each in group if not each.startswith(project["name"])]
    bounds = {f"{each.name}=={part.version}" for each in asked for part in each.specifier if part.operator == ">="}
    assert {each.name for each in asked} == {each.partition("==")[0] for each in bounds}, "one has no lower bound"
    lines = (ROOT / ".ci" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == sorted(bounds)


# --- version, changelog, workflows -------------------------------------------------------------------


def test_the_tag_of_this_commit_is_the_version() -> None:
    found = subprocess.run(
        ["git", "tag", "--points-at", "HEAD", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    tags = found.stdout.split()
    if not tags:
        pytest.skip("this commit has no tag")
    assert tags == [f"v{__version__}"]


def test_the_changelog_begins_with_what_is_unreleased_and_has_the_version() -> None:
    titles = re.findall(r"^## \[([^\]]+)\]", CHANGELOG, re.MULTILINE)
    assert titles[0] == "Unreleased"
    assert __version__ in titles


def test_the_address_of_the_repository_stands_in_one_place() -> None:
    address = PROJECT["project"].get("urls", {}).get("Repository")
    if address is None:
        pytest.skip("the repository has no address yet")
    tracked = subprocess.run(["git", "grep", "-l", address], cwd=ROOT, capture_output=True, text=True, check=False)
    assert tracked.stdout.split() == ["pyproject.toml"]


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_workflows_pin_each_action_by_its_commit() -> None:
    assert WORKFLOWS
    used = [step["uses"] for workflow in WORKFLOWS for step in steps(workflow) if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []


def test_only_the_jobs_that_publish_may_sign_and_none_has_a_password() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    signing = {name for name, job in jobs.items() if job.get("permissions", {}).get("id-token") == "write"}
    assert signing == {"publish", "image"}
    # A build that runs code of dependencies must not be able to publish as us.
    assert "run" not in {key for step in jobs["publish"]["steps"] for key in step}
    assert set(re.findall(r"secrets\.(\w+)", text)) <= {"GITHUB_TOKEN"}


def test_what_the_workflows_run_is_here() -> None:
    runs = "\n".join(step["run"] for workflow in WORKFLOWS for step in steps(workflow) if "run" in step)
    scripts = set(re.findall(r"python (\.ci/\w+\.py)", runs))
    assert scripts == {".ci/release.py"}
    assert all((ROOT / name).exists() for name in scripts)
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]["try"]["strategy"]
    assert matrix["matrix"]["python"] == sorted({line.python for line in tested.LINES})
