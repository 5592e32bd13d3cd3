"""The one exception that a user may see."""


class UserError(Exception):
    """Something the user can put right; its text is one line that says what to do."""
