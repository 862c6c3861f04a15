"""The stages of the main job: the only floor where rooms meet."""
