"""A server's process reads no pickles, and has nothing in it that is there to read them."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import grpc

from augment_proto.arrow import to_ipc
from augment_proto.v1 import augment_pb2 as pb
from tests.server.every_method import METHODS, answers, good_requests
from tests.server.running import ServerProcess, environment

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

FAMILY = {"cloudpickle", "dill", "joblib", "shelve", "torch", "onnx", "sklearn"}

# Python imports this at its start: on a signal the process tells what is in it, and tries to read pickles.
SITE = """
import signal, sys

def tell(*_):
    import io, json, pickle
    import numpy as np
    refused = []
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    file.seek(0)
    for read in (lambda: pickle.loads(pickle.dumps(print)), lambda: pickle._loads(pickle.dumps(print)),
                 lambda: np.load(file, allow_pickle=True)):
        try:
            read()
        except RuntimeError as error:
            refused.append(str(error))
    with open(PLACE + ".part", "w") as out:
        json.dump({"modules": sorted(sys.modules), "refused": refused}, out)
    import os
    os.rename(PLACE + ".part", PLACE)

signal.signal(signal.SIGUSR1, tell)
"""


def test_a_server_that_has_answered_everything_reads_no_pickle(
    models_dir: Path, table: pa.Table, tmp_path: Path
) -> None:
    """No pickle library is in it, though pyarrow would take one, and a pickle with a name is refused."""
    place = tmp_path / "told.json"
    (tmp_path / "sitecustomize.py").write_text(f"PLACE = {str(place)!r}\n{SITE}")
    paths = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    running = ServerProcess(models_dir, PYTHONPATH=paths)
    try:
        call_all(running.target, to_ipc(table.slice(0, 3)))
        os.kill(running.pid, signal.SIGUSR1)
        told = wait_for(place)
    finally:
        running.kill()
    assert {name.partition(".")[0] for name in told["modules"]} & FAMILY == set()
    assert len(told["refused"]) == 3
    assert told["refused"][0] == "pickles are not read in a server: builtins.print"


def call_all(target: str, records: bytes) -> None:
    """Have every method answer once; `tiny` predicts nothing."""
    with grpc.insecure_channel(target) as channel:
        request = pb.EncodeRequest(model="tiny", records=records)
        latent = pb.EncodeResponse.FromString(answers(channel, "Encode", request)[0]).latent
        asked = good_requests("tiny", records, latent)
        assert set(asked) == set(METHODS)
        for method in set(METHODS) - {"Predict"}:
            assert answers(channel, method, *asked[method]), method


def wait_for(place: Path) -> dict[str, Any]:
    """Return what the process told."""
    ends = time.monotonic() + 60
    while not place.exists():
        assert time.monotonic() < ends
        time.sleep(0.05)
    told: dict[str, Any] = json.loads(place.read_text())
    return told
