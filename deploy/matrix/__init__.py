"""Every conversion on offer, tried with a real file: each ends in a checked output or in a clear error."""
