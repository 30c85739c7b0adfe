"""Builds the server's image with what is there, buildah or docker. Needs nothing but Python: `make image`."""
