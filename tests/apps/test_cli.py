"""The command line: exit codes, where output goes, settings, and that nothing heavy is imported for --help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from firstlight.apps.cli import main as cli

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def test_help_names_every_command_and_exit_code(capsys):
    code, out, _ = run("--help", capsys=capsys)
    assert code == 0
    for word in ("plan", "check", "schema", "catalog", *(str(number) for number in cli.EXIT_CODES)):
        assert word in out


def test_help_imports_nothing_heavy():
    script = "import sys; from firstlight.apps.cli.main import root; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pydantic", "yaml", "pyarrow", "jinja2"} & set(loaded)


def test_wrong_usage_is_2(capsys):
    assert run("plan", capsys=capsys)[0] == 2
    assert run("frobnicate", capsys=capsys)[0] == 2
    assert run("plan", "x.yaml", "--set", "nonsense", capsys=capsys)[0] == 2


def test_missing_document_is_2_and_named(capsys):
    code, out, err = run("check", "nowhere.yaml", capsys=capsys)
    assert (code, out) == (2, "")
    assert "nowhere.yaml" in err


def test_check_tells_every_problem_at_once(tmp_path, capsys):
    text = (EXAMPLES / "colossus-100k.yaml").read_text().replace("150 MW", "150 MB").replace("floor:", "flor:")
    (tmp_path / "wrong.yaml").write_text(text)
    code, _, err = run("check", str(tmp_path / "wrong.yaml"), capsys=capsys)
    assert code == 2
    assert "150 MB" in err
    assert 'did you mean "floor"' in err.lower()
    assert "wrong.yaml:7:" in err


def test_check_as_json_lists_problems(tmp_path, capsys):
    (tmp_path / "wrong.yaml").write_text("name: x\n")
    code, out, _ = run("check", str(tmp_path / "wrong.yaml"), "--json", capsys=capsys)
    assert code == 2
    assert {p["where"] for p in json.loads(out)["problems"]} >= {"site", "demand"}


def test_schema_is_json_on_stdout(capsys):
    code, out, _ = run("schema", "plan", capsys=capsys)
    assert code == 0
    assert json.loads(out)["properties"]["site"]


def test_settings_come_from_project_over_user_file_and_flags_win(tmp_path, monkeypatch):
    from firstlight.apps.cli.settings import settings

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "firstlight").mkdir(parents=True)
    (tmp_path / "home" / "firstlight" / "firstlight.toml").write_text("[plan]\nseed = 1\nquiet = true\n")
    (tmp_path / "firstlight.toml").write_text("[plan]\nseed = 2\n")
    monkeypatch.chdir(tmp_path)
    assert settings() == {"plan": {"seed": 2, "quiet": True}}


@pytest.mark.parametrize("content", ["seed = 1\n", "[plan\n"])
def test_wrong_settings_file_is_2(tmp_path, monkeypatch, capsys, content):
    (tmp_path / "firstlight.toml").write_text(content)
    monkeypatch.chdir(tmp_path)
    code, _, err = run("schema", "plan", capsys=capsys)
    assert code == 2
    assert "firstlight.toml" in err


def test_a_defect_is_3_without_traceback(monkeypatch, capsys):
    def broken(*_args, **_options):
        raise RuntimeError("boom")

    monkeypatch.setattr(cli.root, "main", broken)
    code, _, err = run("check", capsys=capsys)
    assert code == 3
    assert "boom" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("error", "said"),
    [(MemoryError(), "fewer accelerators"), (OSError(28, "No space left on device"), "No space left")],
)
def test_what_the_machine_refuses_is_3_and_no_defect(monkeypatch, capsys, error, said):
    def refused(*_args, **_options):
        raise error

    monkeypatch.setattr(cli.root, "main", refused)
    code, _, err = run("check", capsys=capsys)
    assert code == 3
    assert said in err
    assert "defect" not in err


def test_interruption_is_130(monkeypatch, capsys):
    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.root, "main", interrupted)
    assert run("check", capsys=capsys)[0] == 130


def test_catalog_lists_shows_and_compares(capsys):
    code, out, _ = run("catalog", "list", "accelerator", capsys=capsys)
    assert code == 0
    assert "nvidia-h100-sxm-80gb" in out
    code, out, _ = run("catalog", "show", "h100", capsys=capsys)
    assert code == 0
    assert "3.35 TB/s" in out
    code, out, _ = run("catalog", "compare", "h100", "h200", "--json", capsys=capsys)
    assert code == 0
    assert json.loads(out)
    assert run("catalog", "show", "h1000", capsys=capsys)[0] == 2


def test_check_sees_by_the_keys_what_a_document_is(tmp_path, capsys):
    (tmp_path / "it.yaml").write_text("place: Bonn, Germany\npower: 1 MW\nfloor: 100 m2\n")
    assert run("check", str(tmp_path / "it.yaml"), capsys=capsys)[:2] == (0, f"{tmp_path / 'it.yaml'}: a valid site\n")
    code, _, err = run("check", "--as", "plan", str(tmp_path / "it.yaml"), capsys=capsys)
    assert code == 2
    assert "site: is missing" in err
    code, _, err = run("check", str(tmp_path / "it.yaml"), "--set", "power=2 MW", capsys=capsys)
    assert code == 2
    assert "has no effect" in err


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_check_passes_the_examples(name, capsys):
    assert run("check", str(EXAMPLES / name), capsys=capsys)[0] == 0


def test_check_points_at_the_value(tmp_path):
    text = (EXAMPLES / "colossus-100k.yaml").read_text().replace("150 MW", "150 MB")
    (tmp_path / "wrong.yaml").write_text(text)
    command = [sys.executable, "-m", "firstlight", "check", "wrong.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    line = 1 + next(n for n, each in enumerate(text.splitlines()) if "150 MB" in each)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f'wrong.yaml:{line}:10: site.power: "150 MB": "MB" is a unit of bytes, not of power\n'
        "      power: 150 MB\n"
        "             ^\n"
        '    Write a power such as "150 MW".\n'
        "1 problem\n"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [("[plan]\nsed = 1\n", 'Did you mean "seed"?'), ("[plam]\nseed = 1\n", 'Did you mean "plan"?')],
)
def test_settings_without_effect_are_refused(tmp_path, monkeypatch, capsys, content, said):
    (tmp_path / "firstlight.toml").write_text(content)
    monkeypatch.chdir(tmp_path)
    code, _, err = run("plan", "x.yaml", capsys=capsys)
    assert code == 2
    assert said in err
    assert "firstlight.toml" in err
