"""The domain: what a job is, what may happen to it, and every change of it."""
