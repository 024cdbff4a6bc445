"""One YAML file, read strictly: every mistake at once, with its line and the way out."""
