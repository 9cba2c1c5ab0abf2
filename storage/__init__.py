"""One module per place customers' files come from or go to; the folder listing is the registry."""
