"""Measurements: what the bridge's decision costs a call, beside Asterisk deciding alone."""
