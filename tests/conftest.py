"""Property tests have no deadline: machines that test are shared, and what is slow there is not wrong."""

from hypothesis import settings

settings.register_profile("t3d", deadline=None)
settings.load_profile("t3d")
