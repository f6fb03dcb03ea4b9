"""What runs a function inside a cell."""
