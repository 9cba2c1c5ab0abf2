"""What storage providers share."""
