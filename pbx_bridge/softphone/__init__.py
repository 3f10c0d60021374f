"""Callers and phones for demonstrations and tests: SIPp for the signalling, our own sound."""
