"""What runs in browsers: the page of the development mode."""
