"""What `oyez doctor` knows: the way of an event from a site's post to a browser, and how each part of it goes wrong."""
