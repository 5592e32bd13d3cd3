"""The user's jobs, composed from the library in `effect`."""
