"""How fast models are trained, beside CTGAN's TVAE of the same layer sizes."""
