"""One module per tool; the folder listing is the registry."""
