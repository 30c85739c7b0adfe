"""What a data set's columns are: kinds, units, roles. Read and written as YAML that people edit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from augment.errors import ColumnNotFoundError

__all__ = [
    "ArrayColumn",
    "BooleanColumn",
    "CategoryColumn",
    "Column",
    "DatetimeColumn",
    "IdentifierColumn",
    "IntegerColumn",
    "NumberColumn",
    "Schema",
    "TextColumn",
]

Role = Literal["feature", "target"]


class _ColumnBase(BaseModel):
    """What every column has.

    Attributes:
        name: The column's name in the data file.
        nullable: Whether cells may be missing. Only then are missing cells generated.
        role: `target` for the column that downstream models predict.
        unit: Free text for people, e.g. `kg`.
        storage: The Arrow type in the data file and of what is given back, e.g. `int64`,
            `string`, `timestamp[us, tz=UTC]`, `dictionary<string>`.
        why: Why detection chose this kind; free text for people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    nullable: bool = False
    role: Role = "feature"
    unit: str = ""
    storage: str
    why: str = ""


class IntegerColumn(_ColumnBase):
    """Whole numbers, exact over the whole range of int64 and uint64."""

    kind: Literal["integer"] = "integer"


class NumberColumn(_ColumnBase):
    """Real numbers; `decimals` is how many decimal places are kept (None: all)."""

    kind: Literal["number"] = "number"
    decimals: int | None = Field(default=None, ge=0, le=17)


class CategoryColumn(_ColumnBase):
    """One of a set of values, compared by equality alone; integer-valued if `storage` is."""

    kind: Literal["category"] = "category"


class BooleanColumn(_ColumnBase):
    """True or false."""

    kind: Literal["boolean"] = "boolean"


class DatetimeColumn(_ColumnBase):
    """Points in time; `format` (strptime) is how text files write them, `zone` an IANA name."""

    kind: Literal["datetime"] = "datetime"
    format: str = ""
    zone: str | None = None


class ArrayColumn(_ColumnBase):
    """Arrays of one fixed shape: images, sensor windows. `storage` is the element type."""

    kind: Literal["array"] = "array"
    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)


class IdentifierColumn(_ColumnBase):
    """Names of records: never learnt, made anew in the pattern seen.

    Attributes:
        pattern: One character class a position for text (`A` upper, `a` lower, `0` digit, other
            characters stand for themselves), e.g. `C-0000`; empty for integers.
        start: Integers, and patterns whose digits count up: the first number not seen in training.
    """

    kind: Literal["identifier"] = "identifier"
    pattern: str = ""
    start: int = 0


class TextColumn(_ColumnBase):
    """Free text: never learnt and left out of what is generated."""

    kind: Literal["text"] = "text"


Column = Annotated[
    IntegerColumn
    | NumberColumn
    | CategoryColumn
    | BooleanColumn
    | DatetimeColumn
    | ArrayColumn
    | IdentifierColumn
    | TextColumn,
    Field(discriminator="kind"),
]


class Schema(BaseModel):
    """The columns of a data set, in the order of its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[Column, ...] = Field(min_length=1)
    pandas_metadata: str = ""
    """The file's own `pandas` metadata (JSON), kept so that `to_pandas()` restores its dtypes."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Schema:
        names = [column.name for column in self.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"column names must be unique, got twice: {', '.join(twice)}"
            raise ValueError(msg)
        if sum(column.role == "target" for column in self.columns) > 1:
            msg = "at most one column may have role: target"
            raise ValueError(msg)
        return self

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def with_target(self, target: str) -> Schema:
        """Return the schema with that column, and no other, as the target.

        Raises:
            ColumnNotFoundError: There is no such column.
        """
        names = tuple(column.name for column in self.columns)
        if target not in names:
            raise ColumnNotFoundError(target, names)
        columns = tuple(
            column.model_copy(update={"role": "target" if column.name == target else "feature"})
            for column in self.columns
        )
        return self.model_copy(update={"columns": columns})

    @property
    def target(self) -> Column | None:
        """The target column, if one is marked."""
        return next((column for column in self.columns if column.role == "target"), None)
