"""What a person declares, read from TOML into frozen dataclasses: studies, recipes, named models."""
