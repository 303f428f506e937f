"""Options that are not typed: each has its variables and its place in a file, and a shell completes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer.main
from typer.testing import CliRunner

from gtmask.cli import app
from gtmask.cli.group import GUIDES
from gtmask.cli.settings import flag, is_general, settable, strangers, variables
from gtmask.errors import UsageError

GROUP: Any = typer.main.get_command(app)
OPTIONS = [
    pytest.param(name, option, id=f"{name} {flag(option)}")
    for name, command in GROUP.commands.items()
    for option in settable(command)
]
RUN = CliRunner()


def root(config: Path | None = None) -> Any:
    """Return the context of ``gtmask --config FILE``."""
    return GROUP.make_context("gtmask", ["--config", str(config)] if config else [], resilient_parsing=True)


def taken(name: str, option: Any, config: Path | None = None) -> Any:
    """Return the value that an option has in a call in which nothing is typed."""
    context = GROUP.commands[name].make_context(name, [], parent=root(config), resilient_parsing=True)
    return context.params[option.name]


def having(word: str) -> list[tuple[str, Any]]:
    """Return the commands that have an option, with it."""
    pairs = [(name, item) for name, command in GROUP.commands.items() for item in settable(command)]
    return [(name, item) for name, item in pairs if flag(item) == f"--{word}"]


def sample(option: Any) -> tuple[str, Any, Any]:
    """Return a value other than the default as a variable, a file and a command have it."""
    if option.is_flag:
        return "1", True, True
    if option.multiple:
        return "a b;c", ["a b", "c"], ["a b", "c"]
    annotation = str(option.type_descriptor.annotation)
    if "float" in annotation:
        return "0.25", 0.25, 0.25
    if "int" in annotation:
        return "7", 7, 7
    if "Path" in annotation:
        return "some/file", "some/file", Path("some/file")
    if flag(option) == "--concurrency":
        return "7", 7, 7
    return "some-text", "some-text", "some-text"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_option_can_be_set_by_variables_and_by_a_file(
    name: str, option: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_variable, in_file, wanted = sample(option)
    word = flag(option).removeprefix("--")
    file = tmp_path / "my.toml"
    for variable in variables(name, option):
        with monkeypatch.context() as patch:
            patch.setenv(variable, in_variable)
            assert taken(name, option) == wanted, variable
    shown = orjson.dumps(in_file).decode()
    file.write_text(f"[{name}]\n{word} = {shown}\n")
    assert taken(name, option, file) == wanted
    file.write_text(f"{word.replace('-', '_')} = {shown}\n")
    if is_general(name, option):
        assert taken(name, option, file) == wanted
    elif any(is_general(other, item) for other, item in having(word)):
        assert taken(name, option, file) != wanted, "it is another command's"
    else:
        with pytest.raises(UsageError, match=f"{word} means something else in each command"):
            taken(name, option, file)


def test_what_holds_for_all_commands_is_of_one_kind() -> None:
    kinds: dict[str, set[tuple[str, bool]]] = {}
    for name, command in GROUP.commands.items():
        for option in settable(command):
            if is_general(name, option):
                kind = (option.metavar or "", "int" in str(option.type_descriptor.annotation))
                kinds.setdefault(flag(option), set()).add(kind)
    assert {word: kind for word, kind in kinds.items() if len(kind) > 1} == {}


def test_the_order_is_typed_own_variable_variable_own_table_top_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = GROUP.commands["convert"]
    option = next(item for item in settable(command) if flag(item) == "--png-encoder")
    file = tmp_path / "gtmask.toml"
    assert taken("convert", option) == "fast"
    file.write_text('png-encoder = "top"\n')
    assert taken("convert", option) == "top"
    file.write_text('png-encoder = "top"\n[convert]\npng_encoder = "table"\n')
    assert taken("convert", option) == "table"
    monkeypatch.setenv("GTMASK_PNG_ENCODER", "variable")
    assert taken("convert", option) == "variable"
    monkeypatch.setenv("GTMASK_CONVERT_PNG_ENCODER", "own")
    assert taken("convert", option) == "own"
    typed = command.make_context("convert", ["x", "--out", "o", "--png-encoder", "typed"], parent=root())
    assert typed.params["png_encoder"] == "typed"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("imagess = 'x'", "imagess is no option of any command (did you mean images?)."),
        ("[convertt]\nfill = 'x'", "[convertt] is no command of gtmask (did you mean convert?)."),
        ("[validate]\nfill = 'x'", "fill is no option of gtmask validate"),
        ("quiet = 'yes'", "quiet is 'yes' and must be true or false."),
        ("images = ['a', 'b']", "images is ['a', 'b'] and must be a text or a number."),
        ("images = ", "cannot be read as settings"),
        ("dry_run = true\ndry-run = false", "dry_run and dry-run are one option: leave one of them out."),
        ("[convert]\nmax-pixels = 1\nmax_pixels = 2", "max-pixels and max_pixels are one option"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "gtmask.toml").write_text(text + "\n")
    with pytest.raises(UsageError) as raised:
        GROUP.commands["convert"].make_context("convert", ["x", "--out", "o"], parent=root())
    assert sentence in str(raised.value)
    assert str(raised.value).startswith("gtmask.toml")


def test_a_value_that_is_refused_says_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTMASK_WORKERS", "many")
    done = RUN.invoke(app, ["validate", "x.manifest"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "it comes from GTMASK_WORKERS" in done.output


def test_options_from_elsewhere_are_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gtmask.toml").write_text('images = "pictures"\n')
    monkeypatch.setenv("GTMASK_LIMIT", "3")
    done = RUN.invoke(app, ["convert", "missing.json", "--out", "o"])
    assert "options   --images from gtmask.toml, --limit from GTMASK_LIMIT" in done.stderr
    done = RUN.invoke(app, ["convert", "missing.json", "--out", "o", "--quiet"])
    assert done.stderr == ""


def test_variables_that_set_nothing_are_told_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of classes under a misspelt name would leave the masks with other ids."""
    for name, value in {"GTMASK_CLASS": "map.toml", "Gtmask_Fill": "coco", "GTMASK_FILLS": ""}.items():
        monkeypatch.setenv(name, value)
    done = RUN.invoke(app, ["convert", "missing.json", "--out", "o"])
    assert (
        "unknown   GTMASK_CLASS is set and belongs to no option (did you mean GTMASK_CLASSES?)" in done.stderr
    )
    assert "Gtmask_Fill is set and belongs to no option (did you mean GTMASK_FILL?)" in done.stderr
    assert "GTMASK_FILLS" not in done.stderr
    monkeypatch.setenv("GTMASK_VALIDATE_QUICK", "1")
    assert "GTMASK_VALIDATE_QUICK" not in RUN.invoke(app, ["convert", "missing.json", "--out", "o"]).stderr


def test_config_shows_what_is_in_force_and_where_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gtmask.toml").write_text('region = "eu-west-1"\n[convert]\nworkers = 2\n')
    monkeypatch.setenv("GTMASK_VALIDATE_WORKERS", "3")
    monkeypatch.setenv("GTMASK_NONSENSE", "1")
    seen = orjson.loads(RUN.invoke(app, ["config", "--json"]).stdout)
    found = {(row["command"], row["option"]): (row["value"], row["from"]) for row in seen["options"]}
    assert found["convert", "--workers"] == (2, "gtmask.toml")
    assert found["validate", "--workers"] == (3, "GTMASK_VALIDATE_WORKERS")
    assert found["validate", "--region"] == ("eu-west-1", "gtmask.toml")
    assert ("pilot", "--workers") not in found, "what is not set is shown when its command is asked for"
    assert seen["file"] == "gtmask.toml"
    assert "GTMASK_NONSENSE" in seen["unknown"] == strangers(GROUP)
    shown = RUN.invoke(app, ["config", "PILOT"]).stdout
    assert "GTMASK_PILOT_WORKERS GTMASK_WORKERS" in shown
    with pytest.raises(UsageError, match="choose among pilot"):
        RUN.invoke(app, ["config", "pilots"], catch_exceptions=False)


def test_separators_alone_are_no_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    """``GTMASK_WHERE="$ONE;$OTHER"`` of a script whose variables are unset must not choose all images."""
    monkeypatch.setenv("GTMASK_WHERE", " ; ")
    with pytest.raises(UsageError, match="--where"):
        RUN.invoke(app, ["convert", "missing.json", "--out", "o"], catch_exceptions=False)


def test_empty_variables_are_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTMASK_IMAGES", "")
    option = next(item for item in settable(GROUP.commands["convert"]) if flag(item) == "--images")
    assert taken("convert", option) is None


def completed(words: str) -> list[str]:
    """Return what bash is given to complete the last of some words."""
    env = {
        "_GTMASK_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    return RUN.invoke(app, [], env=env, prog_name="gtmask").stdout.split()


@pytest.mark.parametrize("name", sorted(GROUP.commands))
def test_a_shell_completes_commands_and_options(name: str) -> None:
    assert name in completed(f"gtmask {name[:2]}")
    assert set(completed(f"gtmask {name} --")) >= {flag(option) for option in settable(GROUP.commands[name])}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("gtmask convert --png ", {"gray", "palette"}),
        ("gtmask convert --fill c", {"center", "coco"}),
        ("gtmask convert --format coc", {"coco", "coco_panoptic"}),
        ("gtmask validate --progress ", {"auto", "bar", "log", "json", "none"}),
        ("gtmask convert --s3-client ", {"aioboto3", "obstore", "auto"}),
        ("gtmask convert --sse ", {"AES256", "aws:kms"}),
        ("gtmask convert --shard ", {"auto"}),
        ("gtmask inspect --status Completed,sk", {"Completed,skipped"}),
        ("gtmask formats yol", {"yolo"}),
        ("gtmask config val", {"validate"}),
    ],
)
def test_a_shell_completes_values(words: str, wanted: set[str]) -> None:
    assert set(completed(words)) == wanted


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_option_with_choices_completes_them(name: str, option: Any) -> None:
    if "|" in (option.metavar or ""):
        context = GROUP.commands[name].make_context(name, [], parent=root(), resilient_parsing=True)
        assert option.shell_complete(context, ""), option.metavar


@pytest.mark.parametrize("name", sorted(GROUP.commands))
def test_help_has_examples_variables_and_the_page_to_read(name: str) -> None:
    command = GROUP.commands[name]
    text = " ".join(
        RUN.invoke(app, [name, "--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"}).stdout.split()
    )
    for example in GUIDES[name].examples:
        assert example in text
        assert example.split()[:2] == ["gtmask", name]
    page = GUIDES[name].page
    assert page in text
    path, _, heading = page.partition(", ")
    lines = (Path(__file__).parents[2] / path).read_text("utf-8").splitlines()
    assert not heading or any(line.startswith("#") and line.endswith(heading) for line in lines), page
    for option in settable(command):
        assert f"[env var: {variables(name, option)[-1]}]" in text, flag(option)


def test_the_list_of_commands_says_what_their_help_says() -> None:
    shown = " ".join(
        RUN.invoke(app, ["--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"}).stdout.split()
    )
    for name, command in GROUP.commands.items():
        assert command.help.split("\n\n")[0].replace("\n", " ") == GUIDES[name].summary
        assert f"{name} {GUIDES[name].summary}" in shown


def test_a_list_of_commands_imports_none() -> None:
    code = (
        "import sys; sys.argv = ['gtmask', '--help']; from gtmask.cli import app\n"
        "try: app()\n"
        "finally: print(sorted(name for name in sys.modules if name.startswith('gtmask.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    light = ["console", "group", "reporters", "settings", "talk", "values"]
    assert done.stdout.splitlines()[-1] == str([f"gtmask.cli.{name}" for name in light])


def test_an_option_that_is_missing_is_named_with_its_variable() -> None:
    told = RUN.invoke(app, ["convert", "export.json"])
    assert told.exit_code == 2
    assert "Missing option '--out' (env var: 'GTMASK_CONVERT_OUT')" in " ".join(told.output.split())
