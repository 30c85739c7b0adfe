"""Bad input ends in exit code 2 and one message: what, where, the rule, the value; no traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from augment.cli.failures import failure_of
from augment.data import detect_schema, write_table
from augment.errors import ExportError
from tests.cli.running import Ran, augment, augment_process

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS = "\n".join(str(number) for number in range(95))

FILES = {
    "empty": ("", ["file", "must have a row of column names", "an empty file"]),
    "header only": ("a,b\n", ["file", "at least one row of data", "0 rows"]),
    "one row": ("a,b\n1,2\n", ["rows", "at least 2", "1"]),
    "ragged": ("a,b\n1,2\n3\n4,5\n", ["rows[1]", "must have 2 cells", "1 cells"]),
    "duplicate names": ("a,a\n1,2\n3,4\n", ["columns.a", "must be there once", "2 times"]),
    "empty name": ("a,\n1,2\n3,4\n", ["column", "''"]),
    "infinity": ("a\n1.5\ninf\n2.5\n", ["columns.a.rows[1]", "inf"]),
    "mixed types": (f"a\n{NUMBERS}\nx\n", ["columns.a.rows[95]", "must be a number", "'x'"]),
}


def refused(ran: Ran, *parts: str) -> None:
    """Assert that a command was refused, with these parts in its message."""
    assert ran.code == 2, ran
    assert "Traceback" not in ran.err + ran.out
    assert sum(line.startswith("error: ") for line in ran.err.splitlines()) == 1
    for part in parts:
        assert part in ran.err, ran.err


@pytest.mark.parametrize("command", ["schema", "train"])
@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    """The message names the file, the place in it, the rule and the value; nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    content, parts = FILES[name]
    Path("data.csv").write_text(content, encoding="utf-8")
    more = ("--name", "bad") if command == "train" else ()
    refused(augment(command, "data.csv", *more), "data.csv", *parts)
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.csv"]


def test_what_is_odd_but_fine_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column all missing, a constant one, and integers beyond 2^53 are no errors."""
    monkeypatch.chdir(tmp_path)
    big = 2**53 + 1
    rows = "\n".join(f"{i % 3},,7,{big + i}" for i in range(30))
    Path("odd.csv").write_text(f"x,nothing,constant,big\n{rows}\n", encoding="utf-8")
    ran = augment("schema", "odd.csv")
    assert ran.code == 0, ran.err
    assert "constant" in ran.out
    assert "nothing" in ran.err


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("none.csv",), ["none.csv", "must exist"]),
        ((".",), ["must be a file", "a directory"]),
        (("data.csv", "--target", "y"), ["no column 'y'", "there   x, xy"]),
        (("data.csv", "--out", "there.yaml"), ["--out", "must not be there yet", "there.yaml", "--force"]),
    ],
)
def test_schema_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], parts: list[str]
) -> None:
    """A file that is not there, a directory, an unknown target, a schema file that people may have edited."""
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text("x,xy\n1,2\n3,4\n5,6\n", encoding="utf-8")
    Path("there.yaml").write_text("mine", encoding="utf-8")
    refused(augment("schema", *arguments), *parts)
    assert Path("there.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (("--target", "z"), ["no column 'z'"]),
        (("--schema", "schema.yaml"), ["schema.yaml", "columns.x", "kind", "'integr'"]),
        (("--schema", "fits.yaml", "--target", "z"), ["no column 'z'"]),
        (("--config", "config.yaml"), ["config.yaml", "epoch must be the name", "mean 'epochs'"]),
        (("--models", "vae,denoisr"), ["models[1] must be one of vae, denoiser,", "mean 'denoiser'"]),
        (("--config", "none.yaml"), ["none.yaml", "must be a readable YAML file"]),
        (("--epochs", "0"), ["--epochs"]),
        (("--seed", "nan"), ["--seed"]),
        (("--device", "tpu"), ["--device", "tpu"]),
        (("--name", "../evil"), ["name", "../evil"]),
    ],
)
def test_train_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], parts: list[str]
) -> None:
    """A bad option, schema or configuration is told before training, and no bundle appears."""
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text("x,y\n" + "\n".join(f"{i},{i % 3}" for i in range(40)), encoding="utf-8")
    Path("schema.yaml").write_text("columns:\n- {name: x, kind: integr, storage: int64}\n", encoding="utf-8")
    column = "{name: %s, kind: integer, storage: int64}"
    Path("fits.yaml").write_text(f"columns:\n- {column % 'x'}\n- {column % 'y'}\n", encoding="utf-8")
    Path("config.yaml").write_text("epoch: 3\n", encoding="utf-8")
    name = () if "--name" in flags else ("--name", "data")
    ran = augment("train", "data.csv", *name, "--max-steps", 2, *flags)
    assert ran.code == 2, ran
    for part in parts:
        assert part in ran.err, ran.err
    assert not list(tmp_path.glob("models/*/*"))


def test_nothing_to_learn_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Identifiers and free text alone are no data to learn from."""
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"C-{i:04d}" for i in range(40))
    Path("keys.csv").write_text(f"key\n{rows}\n", encoding="utf-8")
    refused(augment("train", "keys.csv", "--name", "keys"), "columns must have one that can be learnt")


@pytest.mark.parametrize("place", ["here", "there"])
@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("generate", "falt", "--rows", 5), ["no model 'falt'", "flat, tiny", "did you mean 'flat'?"]),
        (("generate", "flat", "--rows", 5, "--version", 9), ["no model version 'flat/9'"]),
        (("generate", "flat", "--rows", 0), ["rows", "must be", "0"]),
        (("generate", "flat", "--rows", -5), ["rows", "must be", "-5"]),
        (("generate", "flat", "--rows", 5, "--seed", -1), ["seed", "must be", "-1"]),
        (("generate", "flat", "--rows", 5, "--offset", -1), ["offset", "must be", "-1"]),
        (("generate", "flat", "--rows", 5, "--sampler", "magic"), ["sampler", "must be one of", "'magic'"]),
        (("generate", "flat", "--rows", 5, "--steps", 0), ["steps", "must be", "0"]),
        (
            ("generate", "flat", "--rows", 5, "--where", "age > 20", "--where", "age > 200"),
            ["conditions[1] must be possible, got 'age > 200'", "age has values from 18 to 73"],
        ),
        (
            ("generate", "flat", "--rows", 5, "--where", "city = Zurich"),
            ["conditions[0]", "Did you mean 'Zürich'?"],
        ),
        (
            ("generate", "flat", "--rows", 5, "--where", "day = 31.02.2021"),
            ["conditions[0] must give day a date", "%d.%m.%Y"],
        ),
        (("generate", "flat", "--rows", 5, "--where", "old"), ["conditions[0]", "age in 30..40"]),
        (("generate", "flat", "--rows", 5, "--balance", "income"), ["balance", "1 to 50 values"]),
        (
            ("generate", "flat", "--rows", 5, "--balance", "city: Bern=0.5, Zurich=0.5"),
            ["balance", "Did you mean 'Zürich'?"],
        ),
        (
            ("generate", "flat", "--rows", 5, "--sampler", "vae", "--where", "age > 20"),
            ["sampler vae cannot condition", "samplers that can: denoiser"],
        ),
        (("generate", "tiny", "--rows", 5), ["--out", "cannot hold array columns (image) as CSV", "remedy"]),
        (("interpolate", "flat", "FLAT", "--to", 999), ["--to", "must be a row in [0, 239]", "999"]),
        (("interpolate", "flat", "FLAT", "--from", 1, "--from", 2), ["--to", "as often as --from (2)", "1"]),
        (("interpolate", "flat", "FLAT", "--steps", 1), ["steps", "must be", "1"]),
        (("denoise", "flat", "FLAT", "--threshold", 1.5), ["threshold", "must be", "1.5"]),
        (("denoise", "flat", "WRONG"), ["columns.age.rows[1]", "must be integer (int64)", "'old'"]),
        (("denoise", "flat", "EXTRA"), ["columns.extra", "must be in the schema", "Drop the column"]),
        (("encode", "flat", "LESS"), ["columns.age", "must be there"]),
    ],
)
def test_a_bad_request_is_refused_alike_here_and_there(
    tmp_path: Path,
    models: Path,
    server: str,
    flat_csv: Path,
    flat_table: pa.Table,
    place: str,
    arguments: tuple[object, ...],
    parts: list[str],
) -> None:
    """A model, version, parameter or record that breaks a rule: the same words from a bundle and a server."""
    wrong, extra, less = (tmp_path / f"{name}.csv" for name in ("wrong", "extra", "less"))
    wrong.write_text("age,city\n31,Bern\nold,Bern\n", encoding="utf-8")
    extra.write_text("age,extra\n31,1\n", encoding="utf-8")
    write_table(flat_table.drop_columns(["age"]), less, detect_schema(flat_table))
    files = {"FLAT": flat_csv, "WRONG": wrong, "EXTRA": extra, "LESS": less}
    known = [files.get(str(argument), argument) for argument in arguments]
    where = ("--models", models) if place == "here" else ("--server", server)
    out = tmp_path / "out.csv"
    refused(augment(*known, "--out", out, *where), *parts)
    assert not out.exists()


@pytest.mark.parametrize("place", ["here", "there"])
def test_an_unseen_category_is_told_and_read_as_missing(
    tmp_path: Path, models: Path, server: str, place: str
) -> None:
    """A level that the model never saw is no error: it counts as missing, and is reported."""
    path = tmp_path / "unseen.csv"
    path.write_text("age,city\n31,Bern\n40,Basel\n41,Basel\n", encoding="utf-8")
    where = ("--models", models) if place == "here" else ("--server", server)
    ran = augment("denoise", "flat", path, "--out", tmp_path / "out.csv", *where)
    assert ran.code == 0, ran.err
    assert "city: the model never saw 'Basel'; 2 cells read as missing, first in row 1" in ran.err
    assert "Basel" not in (tmp_path / "out.csv").read_text(encoding="utf-8")


def test_no_server_is_told_with_a_remedy(tmp_path: Path) -> None:
    """An address where nobody answers."""
    out = tmp_path / "out.csv"
    ran = augment("generate", "flat", "--rows", 5, "--out", out, "--server", "127.0.0.1:1")
    refused(ran, "no server answers", "augment serve")


def _changed_byte(bundle: Path) -> None:
    path = bundle / "encode.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _newer(bundle: Path) -> None:
    path = bundle / "manifest.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text(encoding="utf-8")), "format_version": 99}), encoding="utf-8"
    )


def _linked(bundle: Path) -> None:
    (bundle / "encode.onnx").rename(bundle.parent / "elsewhere.onnx")
    (bundle / "encode.onnx").symlink_to(bundle.parent / "elsewhere.onnx")


@pytest.mark.parametrize(
    ("harm", "part"),
    [
        (_changed_byte, "encode.onnx"),
        (lambda bundle: (bundle / "golden.arrow").unlink(), "golden.arrow"),
        (_newer, "99"),
        (_linked, "encode.onnx"),
    ],
)
def test_a_bundle_that_cannot_be_trusted_is_refused(
    tmp_path: Path, models: Path, harm: object, part: str
) -> None:
    """A changed byte, a missing file, a newer format, a link: the bundle and the file are named."""
    shutil.copytree(models / "flat", tmp_path / "flat")
    assert callable(harm)
    harm(tmp_path / "flat" / "1")
    ran = augment("generate", "flat", "--rows", 5, "--out", tmp_path / "out.csv", "--models", tmp_path)
    refused(ran, str(tmp_path / "flat" / "1"), part)


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("torch", ("train", "FILE", "--name", "x"), "train"),
        (
            "onnxruntime",
            ("generate", "flat", "--rows", "1", "--out", "x.csv", "--models", "MODELS"),
            "server",
        ),
        ("grpc", ("generate", "flat", "--rows", "1", "--out", "x.csv", "--server", "h:1"), "client"),
        ("structlog", ("serve", "--models", "MODELS"), "server"),
    ],
)
def test_a_missing_extra_is_named(
    tmp_path: Path, models: Path, flat_csv: Path, package: str, arguments: tuple[str, ...], extra: str
) -> None:
    """A package that is not installed ends in the command that installs it."""
    known = [{"MODELS": models, "FILE": flat_csv}.get(argument, argument) for argument in arguments]
    ran = augment_process(*known, before=f"import sys; sys.modules[{package!r}] = None", cwd=tmp_path)
    refused(ran, package, f"pip install 'augment-service[{extra}]'")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """`augment --debug` shows where; without it nobody has to read that."""
    ran = augment("--debug", "schema", tmp_path / "none.csv")
    assert ran.code == 2
    assert "Traceback" in ran.err
    assert "must exist" in ran.err


def test_the_unexpected_is_exit_code_1_and_an_interrupt_130() -> None:
    """Codes tell bad input from what is our fault, and from the user's own wish."""
    assert failure_of(RuntimeError("odd")).code == 1
    assert "--debug" in failure_of(RuntimeError("odd")).message
    assert failure_of(ExportError("torch and onnxruntime disagree")).code == 1
    assert failure_of(ModuleNotFoundError("no module", name="augment.none")).code == 1
    assert failure_of(KeyboardInterrupt()).code == 130


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (("--dp-epsilon", "0"), ["privacy.epsilon", "greater than 0"]),
        (("--dp-delta", "1e-6"), ["--dp-epsilon", "must be given", "remedy"]),
        (("--dp-epsilon", "3"), ["rows", "at least 100", "95"]),
        (("--dp-epsilon", "3", "--models", "autoencoder"), ["principal components"]),
    ],
)
def test_privacy_that_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], parts: list[str]
) -> None:
    """Before training: nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{number % 7}" for number in range(95))
    Path("data.csv").write_text(f"a\n{rows}\n", encoding="utf-8")
    refused(augment("train", "data.csv", "--name", "x", *flags), *parts)
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.csv"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a data file and a bundle of it in `models`."""
    path = tmp_path_factory.mktemp("published")
    (path / "data.csv").write_text(
        "a,b\n" + "\n".join(f"{i},{'xy'[i % 2]}" for i in range(20)), encoding="utf-8"
    )
    fast = ("--epochs", "1", "--models", "vae", "--no-judge")
    made = augment("train", str(path / "data.csv"), "--name", "m", "--out", str(path / "models"), *fast)
    assert made.code == 0, made.err
    return path


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--from", "models/m", "--target", "nope"), ["models/m", "no column 'nope'", "there   a, b"]),
        (("--from", "models"), ["--from", "must be a bundle", "'models'", "models/adult/3"]),
        (("--config", "models/m"), ["config", "must be a YAML file or a bundle", "models/adult/3"]),
        (("--mlflow", "http://127.0.0.1:1"), ["mlflow", "must be reachable", "http://127.0.0.1:1"]),
    ],
)
def test_train_refuses_what_is_not_there(
    published: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], parts: list[str]
) -> None:
    """What training is to go on from, and whom it is to tell, must be there; nothing is published."""
    if "--mlflow" in arguments:
        pytest.importorskip("mlflow")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(published)
    refused(augment("train", "data.csv", "--name", "m", "--no-judge", *arguments), *parts)
    assert [entry.name for entry in (published / "models" / "m").iterdir()] == ["1"]
