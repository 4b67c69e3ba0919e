"""What each door promises: tables of checks, made by `oyez selftest` and by the tests alike."""
