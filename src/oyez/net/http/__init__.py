"""HTTP, until a socket is taken for something else."""
