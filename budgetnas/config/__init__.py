"""Studies, recipes and named models, read from TOML into frozen dataclasses."""
