"""Version 1 of the protocol; `augment_pb2` and `augment_pb2_grpc` are generated from `augment.proto`."""
