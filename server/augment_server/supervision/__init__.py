"""Several worker processes on one port, and the process that watches over them. It opens no model."""

__all__: list[str] = []
