from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils.data import DataLoader

from augment_client import Client, InvalidRecordsError, InvalidRequestError
from augment_client.torch import SyntheticDataset

if TYPE_CHECKING:
    import pyarrow as pa

    from tests.server.running import ServerThread


@pytest.fixture
def data(server: ServerThread, table: pa.Table) -> SyntheticDataset:
    """Rows of every kind of column, half of them real."""
    return SyntheticDataset(server.target, "tiny", real=table.slice(0, 40), batch_size=32, seed=1)


@pytest.fixture
def categories(server: ServerThread) -> dict[str, tuple[str, ...]]:
    """The levels of the columns that have some."""
    with Client(server.target) as client:
        return {column.name: column.categories for column in client.model("tiny").columns}


def test_each_kind_has_its_tensor(data: SyntheticDataset) -> None:
    """As the table in `Encoding` says; identifiers and text are left out."""
    batches = list(data)
    assert [len(batch["age"]) for batch in batches] == [32, 32, 16] == [32] * (len(data) - 1) + [16]
    kinds = {name: (tensor.dtype, tuple(tensor.shape[1:])) for name, tensor in batches[0].items()}
    assert kinds == {
        "age": (torch.int64, ()),
        "income": (torch.float32, ()),
        "city": (torch.int64, ()),
        "code": (torch.int64, ()),
        "member": (torch.int64, ()),
        "since": (torch.float64, ()),
        "day": (torch.float64, ()),
        "image": (torch.float32, (4, 4)),
        "class": (torch.int64, ()),
        "_synthetic": (torch.bool, ()),
    }
    assert sum(int(batch["_synthetic"].sum()) for batch in batches) == 40


def test_cells_are_what_they_were(
    server: ServerThread, table: pa.Table, categories: dict[str, tuple[str, ...]]
) -> None:
    """Each real cell is found again in its tensor, missing ones as NaN or -1."""
    rows = table.slice(0, 60).to_pylist()
    whole = SyntheticDataset(server.target, "tiny", real=table.slice(0, 60), ratio=0, batch_size=60)
    (batch,) = whole
    by_image = {round(float(image[0, 0]), 5): place for place, image in enumerate(batch["image"])}
    assert len(by_image) == 60
    for row in rows:
        place = by_image[round(float(torch.tensor(row["image"]).reshape(4, 4)[0, 0]), 5)]
        found = {name: tensor[place].tolist() for name, tensor in batch.items()}
        assert found["age"] == row["age"]
        assert same(found["income"], row["income"])
        for name in ("city", "code", "class"):
            levels = categories[name]
            assert (None if found[name] < 0 else levels[found[name]]) == (
                None if row[name] is None else str(row[name])
            )
        assert found["member"] == int(row["member"])
        assert found["since"] == row["since"].timestamp()
        assert found["day"] == dt.datetime.combine(row["day"], dt.time(), dt.UTC).timestamp()


def same(found: float, cell: float | None) -> bool:
    return math.isnan(found) if cell is None else found == pytest.approx(cell, rel=1e-6)


def test_rows_one_by_one_are_those_of_batches(server: ServerThread, table: pa.Table) -> None:
    """Without a batch size a DataLoader makes the batches, to the same tensors."""
    settings: dict[str, Any] = {"real": table.slice(0, 40), "columns": ["image", "age"]}
    single = SyntheticDataset(server.target, "tiny", **settings)
    batched = SyntheticDataset(server.target, "tiny", batch_size=32, **settings)
    assert len(single) == 80
    for ours, torchs in zip(batched, DataLoader(single, batch_size=32), strict=True):
        assert list(ours) == ["image", "age", "_synthetic"]
        assert all(torch.equal(ours[name], torchs[name]) for name in ours)


def pair(batch: pa.RecordBatch) -> tuple[torch.Tensor, torch.Tensor]:
    columns = [torch.tensor(batch.column(name).to_numpy(zero_copy_only=False)) for name in ("age", "class")]
    return columns[0].float(), columns[1]


def test_a_transform_replaces_the_encoding(server: ServerThread, table: pa.Table) -> None:
    """It gets records of the model's types, and what it returns is given out; row by row if it is a tuple."""
    settings: dict[str, Any] = {"real": table.slice(0, 40), "transform": pair}
    ages, classes = next(iter(SyntheticDataset(server.target, "tiny", batch_size=20, **settings)))
    assert ages.shape == classes.shape == (20,)
    rows = list(SyntheticDataset(server.target, "tiny", **settings))
    assert len(rows) == 80
    assert torch.equal(torch.stack([age for age, _ in rows[:20]]), ages)


def test_real_rows_come_in_any_form(server: ServerThread, table: pa.Table) -> None:
    """A data frame with other types, more columns and another order gives the same tensors."""
    given = table.slice(0, 40)
    frame = given.drop_columns(["image"]).to_pandas()
    frame["image"] = [row.reshape(-1).tolist() for row in given["image"].combine_chunks().to_numpy_ndarray()]
    frame["extra"], frame["age"] = "?", frame["age"].astype("float64")
    frame = frame[frame.columns[::-1]]
    frames = SyntheticDataset(server.target, "tiny", real=frame, batch_size=80)
    (ours,), (others,) = SyntheticDataset(server.target, "tiny", real=given, batch_size=80), frames
    for name, tensor in ours.items():
        assert torch.equal(tensor.nan_to_num(-1), others[name].nan_to_num(-1)), name


def broken(table: pa.Table, name: str, cells: list[Any]) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, [cells])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda table: table.drop_columns(["age"]), "columns.age"),
        (lambda table: broken(table, "age", ["old"] * 40), "columns.age"),
        (lambda table: broken(table, "age", [None] * 40), "columns.age"),
        (lambda table: broken(table, "image", [[0.0] * 15] * 40), "columns.image"),
    ],
    ids=["no column", "no number", "missing", "another shape"],
)
def test_real_rows_that_do_not_fit_are_told(
    server: ServerThread, table: pa.Table, change: Any, field: str
) -> None:
    """The column, what must hold, and what was found."""
    data = SyntheticDataset(server.target, "tiny", real=change(table.slice(0, 40)), batch_size=8)
    with pytest.raises(InvalidRecordsError, match=field):
        list(data)


@pytest.mark.parametrize("columns", [["nothing"], ["key"], ["note"]])
def test_columns_that_cannot_be_tensors_are_told(
    server: ServerThread, table: pa.Table, columns: list[str]
) -> None:
    """One that is not there, an identifier, and text."""
    data = SyntheticDataset(server.target, "tiny", real=table, columns=columns)
    with pytest.raises(InvalidRequestError, match="columns"):
        next(iter(data))


def test_the_model_is_described(data: SyntheticDataset) -> None:
    """A network can be built by the model's columns before the first batch."""
    info = data.describe()
    assert info.name == "tiny"
    assert "Zürich" in next(column.categories for column in info.columns if column.name == "city")


@pytest.fixture
def connecting(server: ServerThread) -> Any:
    """Makes clients, and counts them."""
    made: list[Client] = []

    def connect() -> Client:
        made.append(Client(server.target))
        return made[-1]

    connect.made = made  # type: ignore[attr-defined] # for the test
    return connect


def test_a_callable_may_make_the_client(connecting: Any, table: pa.Table) -> None:
    """For TLS and tokens; it is called when a walk begins, not before."""
    data = SyntheticDataset(connecting, "tiny", real=table, batch_size=480)
    assert connecting.made == []
    assert len(list(data)) == 1
    assert len(connecting.made) == 1
