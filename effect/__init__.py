"""Butterfly Vanish: a person in a photo dissolves into butterflies, and the restored background stays.

Importing this package loads nothing heavy; each module imports its libraries where they are needed.
The way from a photo to a clip is `pipelines/render.py`; for moviepy edits see `effect/clip.py`.
"""
