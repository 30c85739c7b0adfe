"""One good request for every method of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from augment_proto.reasons import SERVICE
from augment_proto.v1 import augment_pb2 as pb

if TYPE_CHECKING:
    import grpc
    from google.protobuf.message import Message

__all__ = ["METHODS", "answers", "good_requests"]

METHODS = tuple(pb.DESCRIPTOR.services_by_name["AugmentService"].methods_by_name)


def answers(channel: grpc.Channel, method: str, *requests: Message) -> list[bytes]:
    """Return what a method answers, whatever its kind: on the wire all are streams."""
    bodies = iter([request.SerializeToString() for request in requests])
    call: Any = channel.stream_stream(f"/{SERVICE}/{method}")
    return list(call(bodies, timeout=60))


def good_requests(model: str, records: bytes, latent: bytes) -> dict[str, list[Message]]:
    """Return by method what it answers to; `Predict` is refused where the model has no such graph."""
    header = pb.DenoiseStreamHeader(model=model)
    chunk = pb.DenoiseChunk(records=records)
    return {
        "ListModels": [pb.ListModelsRequest()],
        "GetModel": [pb.GetModelRequest(model=model)],
        "GetServerInfo": [pb.GetServerInfoRequest()],
        "Generate": [pb.GenerateRequest(model=model, rows=3, seed=1)],
        "Interpolate": [pb.InterpolateRequest(model=model, start=records, end=records, steps=2)],
        "Denoise": [pb.DenoiseRequest(model=model, records=records)],
        "DenoiseStream": [pb.DenoiseStreamRequest(header=header), pb.DenoiseStreamRequest(chunk=chunk)],
        "Encode": [pb.EncodeRequest(model=model, records=records)],
        "Decode": [pb.DecodeRequest(model=model, latent=latent)],
        "Reconstruct": [pb.ReconstructRequest(model=model, records=records)],
        "Score": [pb.ScoreRequest(model=model, records=records)],
        "Predict": [pb.PredictRequest(model=model, records=records)],
    }
