"""Real storage servers on loopback, for tests and benchmarks; nothing of the service uses them."""
