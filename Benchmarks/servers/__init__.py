"""How is each measured server started, and what can it be asked? Knows nothing of how it is measured."""
