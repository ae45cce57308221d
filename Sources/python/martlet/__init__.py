"""Martlet: an io_uring server for Python applications."""
