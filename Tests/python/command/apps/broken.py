"""Cannot be imported, for a reason two calls deep."""


def open_database() -> None:
    raise LookupError("there is no database here")


open_database()
