"""What runs in browsers: event.js, which pages load, and the page of the development mode. No Python."""
