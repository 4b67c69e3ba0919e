"""Bytes and rules of the wire formats (Sans-I/O): no sockets, no clocks, no hub."""
