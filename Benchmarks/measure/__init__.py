"""Measures a server by the CPU time that a request costs its whole process tree.

Knows nothing of which servers exist or what is asked of them; Linux only, standard library only.
"""
