"""The one exception a user is meant to read."""


class SteepError(Exception):
    """Bad input or a broken environment: the message is one line that says what is wrong and what to do."""
