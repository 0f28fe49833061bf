"""Machines are noisy: no example of a property test fails for being slow."""

from hypothesis import settings

settings.register_profile("xnorkit", deadline=None)
settings.load_profile("xnorkit")
