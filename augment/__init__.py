"""Autoencoders that learn a data set, as a library: data, models, training, bundles, runtime.

The server is `augment_server`, its client `augment_client`.
"""

import os

# onnxruntime's own builds send telemetry and keep a device's id on disk, unless told so before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
