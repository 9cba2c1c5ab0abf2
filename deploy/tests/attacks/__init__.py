"""The attack suite: every attack of the threat list, against a stack of its own, seen from outside."""
