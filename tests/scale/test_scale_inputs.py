from __future__ import annotations

import gzip
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from augment.data import write_table
from augment.errors import DataFileError, RequestError, StepError
from augment.scale.local import LocalEngine
from augment.scale.places import files_at
from augment.scale.run import plan_step, run_step
from tests.scale.steps import config_of, parts_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from augment.runtime import Model
    from augment.scale.making import Made
    from augment.scale.plan import Plan
    from tests.server.running import ServerThread

REPAIRED = ({"do": "impute"}, {"do": "augment", "factor": 1.5})


@pytest.mark.parametrize(
    "form", ["csv", "csv.gz", "arrow", "arrow stream", "one row group", "many row groups"]
)
def test_files_of_any_form_give_the_same_rows(
    form: str, given: pa.Table, tmp_path: Path, flat_dir: Path, flat_model: Model
) -> None:
    """CSV, gzipped CSV, Arrow, Parquet however it is cut: the same records, in the same parts."""
    (tmp_path / "in").mkdir()
    (tmp_path / "usual").mkdir()
    schema = flat_model.manifest.record_schema
    pq.write_table(given, tmp_path / "usual" / "a.parquet", row_group_size=300)
    usual = config_of(tmp_path, flat_dir, operations=REPAIRED, input=str(tmp_path / "usual"))
    run_step(usual.model_copy(update={"output": str(tmp_path / "expected")}))
    if form == "csv":
        write_table(given, tmp_path / "in" / "a.csv", schema)
    elif form == "csv.gz":
        write_table(given, tmp_path / "a.csv", schema)
        (tmp_path / "in" / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    elif form == "arrow":
        with ipc.new_file(tmp_path / "in" / "a.arrow", given.schema) as writer:
            writer.write_table(given, max_chunksize=100)
    elif form == "arrow stream":
        with ipc.new_stream(tmp_path / "in" / "a.arrow", given.schema) as writer:
            writer.write_table(given, max_chunksize=100)
    else:
        size = 10_000 if form == "one row group" else 77
        pq.write_table(given, tmp_path / "in" / "a.parquet", row_group_size=size)
    run_step(config_of(tmp_path, flat_dir, operations=REPAIRED))
    assert rows_of(tmp_path / "out") == rows_of(tmp_path / "expected")


def test_globs_lists_and_directories(root: Path, flat_dir: Path) -> None:
    """The same files, however they are named; hidden ones, and those of other tools, are passed over."""
    (root / "in" / "_SUCCESS").write_text("")
    (root / "in" / ".part.parquet.crc").write_text("")
    (root / "in" / "_temporary").mkdir()
    (root / "in" / "_temporary" / "a.parquet").write_text("half")
    files = [str(root / "in" / "0.parquet"), str(root / "in" / "1.parquet")]
    assert files_at([str(root / "in")]) == files
    assert files_at([str(root / "in" / "*.parquet")]) == files
    assert files_at([*reversed(files), str(root / "in")]) == files[::-1]
    identities = {
        plan_step(config_of(root, flat_dir, input=value)).plan.identity
        for value in (str(root / "in"), str(root / "in" / "?.parquet"), files)
    }
    assert len(identities) == 1
    with pytest.raises(DataFileError, match="nothing there"):
        files_at([str(root / "in" / "*.csv")])


def test_directories_name_columns(given: pa.Table, tmp_path: Path, flat_dir: Path) -> None:
    """A partitioned table: what is in the directories' names is a column like the others."""
    known = given.filter(given["city"].is_valid())
    for city in known["city"].unique().to_pylist():
        rows = known.filter(pa.compute.equal(known["city"], city)).drop_columns(["city"])
        place = tmp_path / "in" / f"city={city}"
        place.mkdir(parents=True)
        pq.write_table(rows, place / "a.parquet")
    run_step(config_of(tmp_path, flat_dir, operations=({"do": "augment", "factor": 1.2},)))
    rows = rows_of(tmp_path / "out").slice(0, known.num_rows)
    assert sorted(rows["city"].to_pylist()) == sorted(known["city"].to_pylist())
    by_key = dict(zip(known["key"].to_pylist(), known["city"].to_pylist(), strict=True))
    assert dict(zip(rows["key"].to_pylist(), rows["city"].to_pylist(), strict=True)) == by_key


def test_a_class_is_one_whatever_type_a_file_has_it_in(
    given: pa.Table, tmp_path: Path, flat_dir: Path
) -> None:
    """1 and 1.0 are one class of integers, and NaN is none: rows are balanced over all files."""
    (tmp_path / "in").mkdir()
    place = given.column_names.index("class")
    floats = given["class"].cast(pa.float64()).to_pylist()
    floats[3] = float("nan")
    pq.write_table(given, tmp_path / "in" / "a.parquet")
    pq.write_table(given.set_column(place, "class", pa.array(floats)), tmp_path / "in" / "b.parquet")
    operations = ({"do": "impute"}, {"do": "augment", "balance": "class"})
    draws = plan_step(config_of(tmp_path, flat_dir, operations=operations)).plan.parts.draws
    counts = [sum(value == each for value in [*given["class"].to_pylist(), *floats]) for each in (0, 1)]
    rare = counts.index(min(counts))
    assert [(draw.request.conditions, draw.request.rows) for draw in draws] == [
        ((f"class = {rare}",), max(counts) - min(counts))
    ]


@pytest.mark.parametrize("engine", ["local", "server"])
def test_values_never_seen_are_told(
    engine: str, given: pa.Table, tmp_path: Path, flat_dir: Path, flat_server: ServerThread
) -> None:
    """They count as missing and are filled in: how many is in the manifest, also after a second run."""
    (tmp_path / "in").mkdir()
    cities = ["Chur" if number % 10 == 0 else city for number, city in enumerate(given["city"].to_pylist())]
    table = given.set_column(given.column_names.index("city"), "city", pa.array(cities))
    pq.write_table(table, tmp_path / "in" / "a.parquet")
    through = {"engine": "server", "server": flat_server.target} if engine == "server" else {}
    config = config_of(tmp_path, flat_dir, operations=({"do": "impute"}, {"do": "score"}), **through)
    assert run_step(config).manifest["unseen"] == {"city": 130}
    (tmp_path / "out" / "real-00000001.parquet").unlink()
    assert run_step(config).manifest["unseen"] == {"city": 130}
    assert "Chur" not in rows_of(tmp_path / "out")["city"].to_pylist()


def test_places_here_may_be_urls(root: Path, flat_dir: Path) -> None:
    """`file://` is a path: held, written whole, and the same step."""
    run_step(config_of(root, flat_dir, operations=REPAIRED))
    urls = {"input": f"file://{root}/in", "output": f"file://{root}/out"}
    assert run_step(config_of(root, flat_dir, operations=REPAIRED, **urls)).made == 0
    urls["output"] = f"file://{root}/new"
    run_step(config_of(root, flat_dir, operations=REPAIRED, **urls))
    assert parts_of(root / "new") == parts_of(root / "out")
    assert (root / "new" / "_lock").exists()


def test_memory_is_that_of_one_process(root: Path, flat_dir: Path) -> None:
    """What workers put there nobody else would see: with two of them, too, all parts are there."""
    place = f"memory://step-{secrets.token_hex(4)}/out"
    assert run_step(config_of(root, flat_dir, output=place, workers=2)).made == 6
    assert plan_step(config_of(root, flat_dir, output=place)).done


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a new bucket in a server that speaks S3, on this machine."""
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("s3fs")
    moto_server = pytest.importorskip("moto.server")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"step-{secrets.token_hex(4)}"
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}"
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


def test_two_runs_into_a_place_that_nobody_can_hold(root: Path, flat_dir: Path) -> None:
    """At once, of one plan: both succeed, and what is there is what one alone makes."""
    place = f"memory://step-{secrets.token_hex(4)}/out"
    config = config_of(root, flat_dir, output=place)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run_step, config) for _ in range(2)]
        made = [each.result(60) for each in both]
    assert made[0].manifest == made[1].manifest
    run_step(config_of(root, flat_dir))
    manifest = json.loads((root / "out" / "_manifest.json").read_bytes())
    assert made[0].manifest == manifest
    assert run_step(config).made == 0
    with pytest.raises(RequestError, match="output must be of this model"):
        run_step(config_of(root, flat_dir, output=place, seed=8))


@pytest.mark.slow
def test_object_stores_hold_input_and_output(bucket: str, root: Path, flat_dir: Path) -> None:
    """From a bucket into a bucket: the same parts, and no second run; what differs there is refused."""
    import fsspec  # noqa: PLC0415 - an extra

    system: Any = fsspec.filesystem("s3")
    for file in (root / "in").iterdir():
        system.put_file(str(file), f"{bucket}/in/{file.name}")
    run_step(config_of(root, flat_dir))
    remote = {"input": f"{bucket}/in/*.parquet", "output": f"{bucket}/out"}
    assert run_step(config_of(root, flat_dir, **remote)).made == 6
    there = {name.rpartition("/")[2]: system.cat_file(name) for name in system.ls(f"{bucket}/out")}
    parts = {name: data for name, data in there.items() if name.endswith(".parquet")}
    assert [pq.read_table(pa.BufferReader(data)) for data in parts.values()] == [
        pq.read_table(pa.BufferReader(data)) for data in parts_of(root / "out").values()
    ]
    assert run_step(config_of(root, flat_dir, **remote, workers=2)).made == 0
    system.rm_file(f"{bucket}/out/real-00000001.parquet")
    assert run_step(config_of(root, flat_dir, **remote, workers=2)).made == 1
    assert system.cat_file(f"{bucket}/out/real-00000001.parquet") == parts["real-00000001.parquet"]
    with pytest.raises(RequestError, match="output must be of this model"):
        run_step(config_of(root, flat_dir, **remote, seed=9))
    with pytest.raises(DataFileError, match="nothing there"):
        run_step(config_of(root, flat_dir, input=f"{bucket}/none"))


@pytest.mark.slow
def test_an_input_that_changes_in_its_bucket_meanwhile_is_told(
    bucket: str, root: Path, flat_dir: Path, given: pa.Table
) -> None:
    """The store is asked anew, whatever its listing said; and a bundle comes from there too."""
    import fsspec  # noqa: PLC0415 - an extra

    system: Any = fsspec.filesystem("s3")
    for file in (root / "in").iterdir():
        system.put_file(str(file), f"{bucket}/in/{file.name}")
    for file in (flat_dir / "flat" / "1").iterdir():
        system.put_file(str(file), f"{bucket}/models/flat/1/{file.name}")
    sink = pa.BufferOutputStream()
    pq.write_table(given.slice(0, 600), sink)

    class Changing(LocalEngine):
        def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
            yield from super().run(plan, numbers)
            system.pipe_file(f"{bucket}/in/1.parquet", sink.getvalue().to_pybytes())

    config = config_of(root, flat_dir, input=f"{bucket}/in", model=f"{bucket}/models/flat/1")
    with pytest.raises(StepError, match=r"1\.parquet must stay as it is while the step runs"):
        run_step(config, engine=Changing(1))
