"""The checks of the Socket.IO door: what every server keeps that sites of the LQDOJ kind can work with."""
