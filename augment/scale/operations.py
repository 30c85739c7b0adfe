"""What is done to records, as values: in a step's YAML file, and on data sets of Ray and Spark."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["Augment", "Denoise", "Encode", "Impute", "Operation", "Score", "Settings"]


class Settings(BaseModel):
    """Settings that refuse what they do not know, and stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Denoise(Settings):
    """Fills in missing cells and repairs those that do not fit the rest of their record.

    Attributes:
        do: Names the operation.
        threshold: A given cell is repaired where the probability that it is intact is below this.
        numbers: What stands for a number: its mean or its median.
    """

    do: Literal["denoise"] = "denoise"
    threshold: float = Field(default=0.5, ge=0, le=1)
    numbers: Literal["mean", "median"] = "mean"


class Impute(Settings):
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


class Augment(Settings):
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


class Encode(Settings):
    """Appends the latent vector, in columns `latent_0` and so on.

    Attributes:
        do: Names the operation.
    """

    do: Literal["encode"] = "encode"


class Score(Settings):
    """Appends how unusual a row is: `score`, and `percentile` among held-out training rows.

    Attributes:
        do: Names the operation.
        max_percentile: Rows above it are left out of the output.
    """

    do: Literal["score"] = "score"
    max_percentile: float | None = Field(default=None, ge=0, le=100)


Operation = Annotated[Denoise | Impute | Augment | Encode | Score, Field(discriminator="do")]
