"""The protocol both sides share: stubs, Arrow on the wire, and how refusals are written down."""
