"""Stores that assign events their ids and keep them: a file or a folder each, chosen by URL. They know no browsers."""
