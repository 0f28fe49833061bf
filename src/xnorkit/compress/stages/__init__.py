"""One compression method a file; ``table.py`` names them all."""
