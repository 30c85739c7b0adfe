"""What a step is to do, from one YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from augment.broken_settings import violations_of
from augment.errors import RequestError
from augment.urls import local_path

__all__ = [
    "Augment",
    "Denoise",
    "Encode",
    "EngineName",
    "Impute",
    "Operation",
    "Score",
    "StepConfig",
    "load_step",
]

EngineName = Literal["local", "server", "ray", "spark"]
MAX_PART_ROWS = 2**20


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Denoise(_Settings):
    """Fills in missing cells and repairs those that do not fit the rest of their record.

    Attributes:
        do: Names the operation.
        threshold: A given cell is repaired where the probability that it is intact is below this.
        numbers: What stands for a number: its mean or its median.
    """

    do: Literal["denoise"] = "denoise"
    threshold: float = Field(default=0.5, ge=0, le=1)
    numbers: Literal["mean", "median"] = "mean"


class Impute(_Settings):
    """Fills in missing cells only: given ones count as right.

    Attributes:
        do: Names the operation.
        numbers: What stands for a number: its mean or its median.
    """

    do: Literal["impute"] = "impute"
    numbers: Literal["mean", "median"] = "mean"

    @property
    def threshold(self) -> float:
        """As of `Denoise`: no given cell is repaired."""
        return 0.0


class Augment(_Settings):
    """Adds synthetic rows after those there are. How many is said by `rows`, `factor` or `balance`.

    Attributes:
        do: Names the operation.
        rows: Of the output in all, given rows counted.
        factor: Of the output in all, in given rows.
        balance: A column: rows of its rarer classes are added until all have as many as the commonest; with
            `rows` or `factor`, until that number is reached, the rarest first. Without an input: also shares,
            as `augment generate --balance` takes them.
        conditions: What every added row satisfies, e.g. `age in 30..40`.
        sampler: How they are made; None: the first of the model that can.
        steps: In how many steps a record is made; None: the model's default.
    """

    do: Literal["augment"] = "augment"
    rows: int | None = Field(default=None, ge=1, le=2**62)
    factor: float | None = Field(default=None, gt=1, le=1e9)
    balance: str | None = Field(default=None, min_length=1)
    conditions: tuple[str, ...] = ()
    sampler: str | None = None
    steps: int | None = Field(default=None, ge=1)

    @field_validator("conditions", mode="before")
    @classmethod
    def _one_is_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_how_many(self) -> Augment:
        if (self.rows is not None) + (self.factor is not None) > 1:
            msg = "must say rows or factor, not both"
            raise ValueError(msg)
        if self.rows is None and self.factor is None and self.balance is None:
            msg = "must say rows, factor or balance"
            raise ValueError(msg)
        return self


class Encode(_Settings):
    """Appends the latent vector, in columns `latent_0` and so on.

    Attributes:
        do: Names the operation.
    """

    do: Literal["encode"] = "encode"


class Score(_Settings):
    """Appends how unusual a row is: `score`, and `percentile` among held-out training rows.

    Attributes:
        do: Names the operation.
        max_percentile: Rows above it are left out of the output.
    """

    do: Literal["score"] = "score"
    max_percentile: float | None = Field(default=None, ge=0, le=100)


Operation = Annotated[Denoise | Impute | Augment | Encode | Score, Field(discriminator="do")]


class StepConfig(_Settings):
    """Everything that decides what a step does. Paths are as the process sees them, or URLs of fsspec.

    Attributes:
        input: A file, directory or glob of Parquet, CSV or Arrow, or several; None: rows are made from
            nothing.
        drop: Columns of the input that are left out.
        model: A bundle's directory `<name>/<version>` or its URL, or a model's name.
        models: The directory of bundles or its URL, where `model` is a name.
        version: The model's version; None: the newest.
        server: `host:port` of who runs the model, several with commas between; for the engine `server`.
        operations: What is done, in this order.
        output: The directory of the parts.
        seed: Of all that is drawn.
        part_rows: Rows of one part, at most; made whole blocks of the bundle.
        engine: Who makes the parts: processes here, a server, Ray or Spark. The rows are the same.
        workers: How many parts are made at once; None: by the CPUs there are.
        address: Of a Ray cluster or a Spark master; None: on this machine.
        max_drift: How far a column of the input may be from the training data, total variation in [0, 1];
            None: it is told and nothing more.
        max_detection_auc: How well synthetic rows may be told from given ones, ROC AUC in [0.5, 1]; None: it
            is not measured.
    """

    input: tuple[str, ...] | None = Field(default=None, min_length=1)
    drop: tuple[str, ...] = ()
    model: str = Field(min_length=1)
    models: str = "models"
    version: int | None = Field(default=None, ge=1)
    server: str | None = Field(default=None, min_length=1)
    operations: tuple[Operation, ...] = Field(min_length=1)
    output: str = Field(min_length=1)
    seed: int = Field(default=0, ge=0, lt=2**64)
    part_rows: int = Field(default=65_536, ge=1, le=MAX_PART_ROWS)
    engine: EngineName = "local"
    workers: int | None = Field(default=None, ge=1, le=10_000)
    address: str | None = None
    max_drift: float | None = Field(default=None, ge=0, le=1)
    max_detection_auc: float | None = Field(default=None, ge=0.5, le=1)

    @field_validator("input", "drop", mode="before")
    @classmethod
    def _one_is_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("input", "model", "models", "output")
    @classmethod
    def _is_here(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if isinstance(value, tuple):
            return tuple(local_path(each) for each in value)
        return None if value is None else local_path(value)

    @property
    def is_of_this_process(self) -> bool:
        """Whether some place is in its memory, which no other process sees."""
        return any(
            place.startswith("memory:")
            for place in (*(self.input or ()), self.model, self.models, self.output)
        )

    @model_validator(mode="after")
    def _fits_together(self) -> StepConfig:
        told = {each: sum(one.do == each for one in self.operations) for each in ("encode", "score")}
        augments = [one for one in self.operations if isinstance(one, Augment)]
        needs_rows = self.input is None and not isinstance(self.operations[0], Augment)
        rules = {
            "operations must have encode and score once each at most": max(told.values()) > 1,
            "operations must begin with augment where there is no input": needs_rows,
            "operations must say rows in augment where there is no input": self.input is None
            and any(one.rows is None for one in augments),
            "server must be given with engine: server, and only then": (self.server is not None)
            != (self.engine == "server"),
            "max_detection_auc must be given with an input and an augment only": (
                self.max_detection_auc is not None and (self.input is None or not augments)
            ),
            "max_drift must be given with an input only": self.max_drift is not None and self.input is None,
            "max_drift must be given where the bundle is here: a server does not tell what it learnt": (
                self.max_drift is not None and self.engine == "server"
            ),
        }
        for rule, broken in rules.items():
            if broken:
                raise ValueError(rule)
        return self


def load_step(path: Path | str) -> StepConfig:
    """Read a YAML file.

    Raises:
        RequestError: The file cannot be read, is no YAML mapping, or a setting breaks its rule.
    """
    try:
        settings = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return StepConfig.model_validate(settings if settings is not None else {})
    except ValidationError as exc:
        raise RequestError(*violations_of(exc, StepConfig), context=str(path)) from exc
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        rule = "must be a readable YAML file"
        raise RequestError.of("step", rule, str(exc), context=str(path)) from exc
