"""What the registry is made of: where bundles lie, which of them are loaded, and what calls see of them."""

__all__: list[str] = []
