"""Stores that give events their ids and keep them: one file each, chosen by URL. They know no browsers."""
