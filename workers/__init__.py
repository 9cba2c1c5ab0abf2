"""Running tasks: from claim to verdict, with heartbeat, drain and reconciler."""
