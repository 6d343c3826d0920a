"""What commands do besides running stages."""
