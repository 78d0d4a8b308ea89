"""Policy files from disk: found, bounded, kept inside, and never silently left out."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

import os
from pathlib import Path

import pytest
from policy_samples import FORM_FILE, REFUNDS, REFUNDS_FILE, SCHEMAS, policy

from hitl_fsm.adapters import policy_files
from hitl_fsm.adapters.policy_around import gather_around
from hitl_fsm.adapters.policy_files import gather, read_policies
from hitl_fsm.errors import PolicyError
from hitl_fsm.policy.load import check, load
from hitl_fsm.policy.source import MAX_FILE_BYTES
from hitl_fsm.policy.surroundings import Surroundings


def put(root: Path, name: str, content: str | bytes = "") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    put(root, "pyproject.toml")
    put(root, REFUNDS_FILE, REFUNDS)
    put(root, FORM_FILE, SCHEMAS[FORM_FILE])
    monkeypatch.chdir(root)
    return root


def codes(*paths: str) -> list[tuple[str, str]]:
    return [(found.code, found.place.file) for found in gather(paths).findings]


def test_a_folder_is_read_with_names_as_they_were_typed(project: Path) -> None:
    put(project, "policies/b.policy.yaml", policy(name="b"))
    put(project, "policies/notes.md", "not a policy")
    put(project, "policies/refunds/refunds.test.yaml", "not a policy")
    put(project, "policies/.hidden/c.policy.yaml", "broken: [")
    files, read = read_policies(["policies"])
    assert list(files) == ["policies/b.policy.yaml", REFUNDS_FILE]
    assert load(files, read).names == ("b", "refunds")
    files, read = read_policies([str(project / "policies")])
    assert list(files) == [str(project / "policies/b.policy.yaml"), str(project / REFUNDS_FILE)]
    assert load(files, read).names == ("b", "refunds")


def test_files_are_read_one_by_one_and_none_twice(project: Path) -> None:
    put(project, "one.yaml", policy())
    files, _ = read_policies(["one.yaml", REFUNDS_FILE, "policies", "./one.yaml"])
    assert list(files) == ["one.yaml", REFUNDS_FILE]


def test_the_digest_does_not_depend_on_where_one_stands(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = load(*read_policies(["policies"]))
    monkeypatch.chdir(project / "policies")
    assert load(*read_policies(["."])).digest == one.digest
    assert load(*read_policies([str(project / "policies")])).digest == one.digest


def test_what_is_not_there_or_holds_nothing_is_an_error_with_help(project: Path) -> None:
    (project / "empty").mkdir()
    assert codes("nowhere", "empty", "policies") == [("HF101", "nowhere"), ("HF121", "empty")]
    assert gather(["nowhere"]).findings[0].help
    assert codes("a\x00b") == [("HF101", "a\x00b")]
    assert codes() == [("HF121", ".")]
    with pytest.raises(PolicyError) as caught:
        read_policies(["empty", "policies"])
    assert caught.value.diagnostics[0].code == "HF121"
    assert "*.policy.yaml" in (caught.value.help or "")


def test_a_name_that_is_almost_right_is_told(project: Path) -> None:
    put(project, "policies/a.policy.yml", policy())
    put(project, "policies/B.POLICY.YAML", policy())
    assert codes("policies") == [("HF101", "policies/B.POLICY.YAML"), ("HF101", "policies/a.policy.yml")]


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_read(project: Path) -> None:
    outside = put(project.parent, "outside.policy.yaml", policy())
    (project / "policies/link.policy.yaml").symlink_to(outside)
    assert codes("policies") == [("HF101", "policies/link.policy.yaml")]
    (project / "policies/link.policy.yaml").unlink()
    put(project, "policies/..data/x.policy.yaml", policy())
    (project / "policies/x.policy.yaml").symlink_to("..data/x.policy.yaml")
    (project / "policies/loop").symlink_to(project / "policies", target_is_directory=True)
    assert list(gather(["policies"]).files) == [REFUNDS_FILE, "policies/x.policy.yaml"] or list(gather(["policies"]).files) == [
        "policies/x.policy.yaml", REFUNDS_FILE,
    ]  # fmt: skip


def test_a_link_to_a_folder_with_policies_that_would_be_missed_is_refused(project: Path) -> None:
    """Law 6: a set without the denials that somebody linked there must not take over."""
    put(project.parent, "others/deep/b.policy.yaml", policy())
    (project / "policies/others").symlink_to(project.parent / "others")
    assert codes("policies") == [("HF101", "policies/others")]
    assert codes("policies", str(project.parent / "others")) == []
    (project / "policies/others").unlink()
    put(project, "policies/.kept/c.policy.yaml", policy())
    (project / "policies/current").symlink_to(".kept")
    assert codes("policies") == [("HF101", "policies/current")]
    (project / "policies/current").unlink()
    (project / "policies/pictures").symlink_to(project.parent / "pictures")
    (project.parent / "pictures").mkdir()
    assert codes("policies") == []


def test_pipes_folders_and_dangling_links_are_findings_and_nothing_waits(project: Path) -> None:
    os.mkfifo(project / "policies/pipe.policy.yaml")
    (project / "policies/gone.policy.yaml").symlink_to("nowhere")
    (project / "policies/folder.policy.yaml").mkdir()
    assert codes("policies") == [("HF101", "policies/gone.policy.yaml"), ("HF101", "policies/pipe.policy.yaml")]


def test_limits(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(project, "policies/large.policy.yaml", b"#" * (MAX_FILE_BYTES * 4))
    gathered = gather(["policies"])
    assert len(gathered.files["policies/large.policy.yaml"]) == MAX_FILE_BYTES + 1
    assert check(gathered.files, gathered.read).findings[0].code == "HF105"
    monkeypatch.setattr(policy_files, "MAX_TOTAL_BYTES", 1000)
    assert codes("policies") == [("HF105", "policies/large.policy.yaml"), ("HF105", REFUNDS_FILE)]
    monkeypatch.setattr(policy_files, "MAX_FILES", 0)
    assert codes("policies") == [("HF105", "policies")]
    monkeypatch.setattr(policy_files, "MAX_ENTRIES", 0)
    assert codes("policies") == [("HF105", "policies")]


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("../../../secret.json", "outside the project"),
        ("../../schemas/link.json", "outside the project"),
        ("/etc/passwd", "not a relative path"),
        ("~/x.json", "not a relative path"),
        ("file:///etc/passwd", "not a relative path"),
        ("https://example.com/x.json", "not a relative path"),
        ("..\\x.json", "not a relative path"),
        ("../../schemas", "Is a directory"),
        ("../../schemas/pipe", "not a regular file"),
        ("nowhere.json", "No such file"),
    ],
)
def test_a_schema_file_stays_inside_the_project(project: Path, reference: str, says: str) -> None:
    put(project.parent, "secret.json", "{}")
    (project / "schemas/link.json").symlink_to(project.parent / "secret.json")
    os.mkfifo(project / "schemas/pipe")
    put(project, REFUNDS_FILE, REFUNDS.replace("../../schemas/forms/refund-reason.schema.json", f"'{reference}'"))
    found, _, policies, _ = check(*read_policies(["policies"]))
    assert policies is None
    assert [diagnostic.code for diagnostic in found] == ["HF118"]
    assert says in found[0].message
    assert found[0].place.line == 25


def test_without_a_project_the_folder_above_the_given_one_is_the_bound(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "root"
    put(root, REFUNDS_FILE, REFUNDS)
    put(root, FORM_FILE, SCHEMAS[FORM_FILE])
    assert load(*read_policies([str(root / "policies")])).names == ("refunds",)


ROUTES = "apiVersion: hitl-fsm/v1\nkind: Routes\nroutes: {bank: {description: x}}\n"
ROLES = "apiVersion: hitl-fsm/v1\nkind: Roles\nroles: {finance: {members: bo}}\n"


def test_routes_and_roles_lie_beside_the_policies_and_each_file_is_read_once(project: Path) -> None:
    put(project, "policies/our.routes.yaml", ROUTES)
    put(project, "company.roles.yaml", ROLES)
    paths = ["policies", "company.roles.yaml", "policies/our.routes.yaml"]
    assert list(gather(paths).files) == [REFUNDS_FILE]
    assert gather(paths).findings == ()
    found = gather_around(paths)
    assert (found.around.routes, found.around.roles) == (frozenset({"bank"}), {"finance": frozenset({"bo"})})
    assert (found.findings, found.files) == ((), ("company.roles.yaml", "policies/our.routes.yaml"))
    assert gather_around([REFUNDS_FILE]) == (Surroundings(calendars={}), (), ())


def test_routes_or_roles_that_cannot_be_read_are_a_finding_and_unknown(project: Path) -> None:
    put(project, "policies/our.routes.yaml", ROUTES)
    put(project, "policies/more.routes.yml", ROUTES)
    put(project, "policies/app.routes.json", "not ours")
    put(project, "policies/our.roles.yaml", ROLES)
    found = gather_around(["policies"])
    assert [(one.code, one.place.file) for one in found.findings] == [("HF101", "policies/more.routes.yml")]
    assert (found.around.routes, found.around.roles) == (None, {"finance": frozenset({"bo"})})
    assert gather(["policies"]).findings == ()


CALENDAR = "apiVersion: hitl-fsm/v1\nkind: Calendar\nname: office\ntimezone: UTC\nhours: {mon-fri: '09:00-18:00'}\n"


def test_calendars_lie_beside_the_policies_and_those_that_cannot_be_read_are_unknown(project: Path) -> None:
    put(project, "policies/office.calendar.yaml", CALENDAR)
    found = gather_around(["policies"])
    assert (found.findings, found.files) == ((), ("policies/office.calendar.yaml",))
    assert found.around.calendars is not None
    assert list(found.around.calendars) == ["office"]
    put(project, "policies/home.calendar.yaml", CALENDAR.replace("office", "home").replace("UTC", "Mars"))
    found = gather_around(["policies"])
    assert [(one.code, one.place.file) for one in found.findings] == [("HF128", "policies/home.calendar.yaml")]
    assert found.around.calendars is None, "no name is called wrong for a file that is"
    (project / "policies/home.calendar.yaml").rename(project / "policies/home.calendar.yml")
    found = gather_around(["policies"])
    assert [(one.code, one.place.file) for one in found.findings] == [("HF101", "policies/home.calendar.yml")]
    assert found.around.calendars is None
