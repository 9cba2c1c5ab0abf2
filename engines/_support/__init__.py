"""What engines share: the launcher, warm children, progress parsers."""
