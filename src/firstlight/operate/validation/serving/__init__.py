"""Published serving runs against the serving model."""
