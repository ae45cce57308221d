"""`python -m martlet`: the same as `martlet`."""
from .command import main

if __name__ == "__main__":
    main("python -m martlet")
