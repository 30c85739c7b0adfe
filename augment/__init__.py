"""Autoencoders that learn a data set, as a library: data, models, training, bundles, runtime.

The server is `augment_server`, its client `augment_client`.
"""
