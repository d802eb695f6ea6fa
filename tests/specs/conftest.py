"""Properties have no deadline here: what takes long is bounded where it matters, and a busy machine is no bug."""

from hypothesis import settings

settings.register_profile("specs", deadline=None)
settings.load_profile("specs")
