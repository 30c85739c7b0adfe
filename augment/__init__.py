"""Autoencoders that learn a data set, as a library: data, models, training, bundles, runtime.

The server is `augment_server`, its client `augment_client`.
"""

import os

# onnxruntime sends telemetry and keeps a device's id on disk, unless it is told not to before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
