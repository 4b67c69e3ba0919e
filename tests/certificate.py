"""A certificate for 127.0.0.1 that nobody vouches for, but whoever is given it as an authority's (SSL_CERT_FILE)."""

import subprocess
from pathlib import Path


def make_certificate(directory: Path) -> Path:
    """Make one for two days; the file holds its key as well."""
    key, signed, both = directory / "key.pem", directory / "signed.pem", directory / "certificate.pem"
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(signed)]
    subprocess.run([*request.split(), *files], check=True, capture_output=True)
    both.write_text(key.read_text() + signed.read_text())
    return both
