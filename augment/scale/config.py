"""What a step is to do, from one YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from augment.broken_settings import violations_of
from augment.errors import RequestError
from augment.scale.operations import Augment, Operation, Settings
from augment.urls import local_path

__all__ = ["EngineName", "StepConfig", "load_step"]

EngineName = Literal["local", "server", "ray", "spark"]
MAX_PART_ROWS = 2**20


class StepConfig(Settings):
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
