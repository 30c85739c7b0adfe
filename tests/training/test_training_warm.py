"""Going on from a bundle: with new rows, with new categories; and training the same again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import torch

from augment.bundle import open_bundle, read_weights
from augment.data import Codec, detect_schema
from augment.data.extending import extended_codec
from augment.errors import BundleCorruptError, SchemaError, UnsupportedError
from augment.models import Batch
from augment.training import TrainConfig, Watcher, build_bundle, load_config, train_models
from augment.training.loop import heldout_loss_of
from augment.training.recipes import RECIPES
from augment.training.weights import WarmStart, pieces, weights_to_bytes
from tests.models.conftest import MAKERS
from tests.models.encoded_tables import TABLES, encoded_table
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ["age", "income", "city", "class"]
CONFIG = TrainConfig.model_validate(
    {"models": ["vae"], "epochs": 8, "device": "cpu", "vae": {"hidden": 16, "layers": 1, "prior": "normal"}}
)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of 240 records."""
    table = every_kind().select(COLUMNS)
    schema = detect_schema(table, target="class")
    return build_bundle(table, schema, CONFIG, name="x", out=tmp_path_factory.mktemp("warm") / "models")


def with_a_new_city(rows: int = 300) -> pa.Table:
    """Other records, a third of them of a city that was never there."""
    table = every_kind(rows, seed=5).select(COLUMNS)
    cities = ["Chur" if row % 3 == 0 else city for row, city in enumerate(table["city"].to_pylist())]
    return table.set_column(2, "city", pa.array(cities))


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", TABLES)
def test_every_weight_has_a_name(maker: str, name: str) -> None:
    """Each number of each model is in a piece, padding apart, and can be written to through it."""
    layout, _ = encoded_table(name)
    if maker == "maker" and layout.array_width:
        pytest.skip("makers make no arrays")
    model = MAKERS[maker](layout, 0)
    named = pieces(model, layout)
    for piece in named.values():
        piece.fill_(7.0)
    padded = ("logits.weight", "logits.bias", "within.token")
    for parameter, value in model.named_parameters():
        if not parameter.endswith(padded):
            assert (value == 7).all(), parameter
    assert sum(piece.numel() for piece in named.values()) > 0


def test_known_categories_keep_their_codes() -> None:
    """Bins and codes stay, a new category comes after the known ones, counts add up."""
    table = every_kind().select(COLUMNS)
    codec = Codec.fit(table, detect_schema(table))
    new = with_a_new_city()
    wider = extended_codec(codec, new, detect_schema(table))
    before, after = (
        dict(zip(one.layout.names, one.layout.vocab_sizes, strict=True)) for one in (codec, wider)
    )
    assert after == before | {"city": before["city"] + 1}
    old, again = codec.encode(table)[0], wider.encode(table)[0]
    assert (old.tokens == again.tokens).all()
    assert (old.residuals == again.residuals).all()
    place = wider.layout.names.index("city")
    tokens = wider.encode(new)[0].tokens[:, place]
    assert (tokens == before["city"]).sum() == 100
    counts = wider.tables.columns[place].counts
    assert sum(counts) == 540
    assert wider.decode(wider.encode(new)[0]).column("city").to_pylist() == new["city"].to_pylist()


def test_other_columns_are_refused() -> None:
    """A column more, one less and another kind are told; nothing is guessed."""
    table = every_kind().select(COLUMNS)
    codec = Codec.fit(table, detect_schema(table))
    for other in (table.drop_columns(["age"]), every_kind().select([*COLUMNS, "member"])):
        with pytest.raises(SchemaError, match=r"columns must be those that the model knows.*without --from"):
            extended_codec(codec, other, detect_schema(other))


def test_the_start_is_the_end_of_before(first: Path) -> None:
    """Before the first step the model is as good on the old records as it was at its end."""
    table = every_kind().select(COLUMNS)
    warm = WarmStart.of(open_bundle(first))
    codec = extended_codec(warm.codec, with_a_new_city(), detect_schema(table, target="class"))
    encoded, _ = codec.encode(table)
    batch = Batch.from_encoded(encoded)
    (recipe,) = RECIPES["vae"]
    generator = torch.Generator().manual_seed(1)
    cold = recipe.make(codec.layout, CONFIG, batch, generator)
    model = warm.applied("vae", recipe.make(codec.layout, CONFIG, batch, generator), codec.layout, generator)
    told = open_bundle(first).manifest.training.models["vae"].heldout_loss
    assert told is not None
    assert heldout_loss_of(model, batch, 0) == pytest.approx(told, rel=0.15)
    assert heldout_loss_of(cold, batch, 0) > told + 0.7


@pytest.mark.slow
def test_training_goes_on_with_new_rows(first: Path, tmp_path: Path) -> None:
    """The new bundle knows the new city, names the old one, and is better after an epoch than a fresh one."""
    new = with_a_new_city()
    schema = open_bundle(first).manifest.record_schema
    short = CONFIG.model_copy(update={"epochs": 1})
    on = open_bundle(build_bundle(new, schema, short, name="x", out=tmp_path, start=first)).manifest
    codec = Codec.fit(new, schema)
    fresh = train_models(codec.encode(new)[0], codec.layout, short, Watcher())
    assert on.continues == open_bundle(first).digest
    assert open_bundle(first).manifest.continues is None
    city = next(table for table in on.encoding.columns if table.column == "city")
    assert "Chur" in city.levels  # type: ignore[union-attr, operator] # of categories
    better, worse = (one.heldout_loss for one in (on.training.models["vae"], fresh["vae"].report))
    assert better is not None
    assert worse is not None
    assert better < worse


def test_weights_come_back(first: Path, tmp_path: Path) -> None:
    """What is written is read; a changed byte is refused, and so is a bundle without weights."""
    warm = WarmStart.of(open_bundle(first))
    assert "vae/logits.weight@city" in warm.tensors
    shutil.copytree(first, tmp_path / "x" / "1")
    bundle = open_bundle(tmp_path / "x" / "1")
    (bundle.path / "weights.safetensors").chmod(0o644)
    data = bytearray(read_weights(bundle))
    data[-1] ^= 1
    (bundle.path / "weights.safetensors").write_bytes(data)
    with pytest.raises(BundleCorruptError, match="was changed"):
        WarmStart.of(bundle)
    with pytest.raises(BundleCorruptError, match="was changed"):
        open_bundle(bundle.path)


def test_a_bundle_without_weights_says_so(first: Path) -> None:
    """Bundles from before have none."""
    bundle = open_bundle(first)
    manifest = bundle.manifest.model_copy(update={"weights": None})
    contents = type(bundle.contents)(manifest, bundle.digest, bundle.contents.files, bundle.contents.cases)
    with pytest.raises(UnsupportedError, match="no weights to go on from"):
        read_weights(type(bundle)(bundle.path, bundle.version, contents))


@pytest.mark.slow
def test_the_same_settings_give_the_same_bundle(first: Path, tmp_path: Path) -> None:
    """The manifest is a configuration: training by it gives the same weights, graphs and data hash."""
    table = every_kind().select(COLUMNS)
    config = load_config(first)
    assert config == load_config(first / "manifest.json") == CONFIG
    again = build_bundle(table, detect_schema(table, target="class"), config, name="x", out=tmp_path)
    before, after = open_bundle(first).manifest, open_bundle(again).manifest
    assert before.files == after.files
    assert before.data_sha256 == after.data_sha256
    assert before.producer == after.producer


def test_a_model_is_made_in_the_shape_of_before() -> None:
    """Where more rows would be given a wider model, the stored one's width counts."""
    layout, encoded = encoded_table("mixed tables")
    batch = Batch.from_encoded(encoded)
    (recipe,) = RECIPES["vae"]
    wide, narrow = (
        CONFIG.model_copy(update={"vae": CONFIG.vae.model_copy(update={"hidden": n})}) for n in (32, 16)
    )
    old = recipe.make(layout, narrow, batch, torch.Generator().manual_seed(0))
    data = weights_to_bytes({"vae": old}, layout)
    codec = Codec.fit(pa.table({"a": ["x", "y"]}), detect_schema(pa.table({"a": ["x", "y"]})))
    warm = WarmStart.parse("0" * 64, codec, data)
    generator = torch.Generator().manual_seed(1)
    made = warm.applied("vae", recipe.make(layout, wide, batch, generator), layout, generator)
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), old.parameters(), strict=True))
