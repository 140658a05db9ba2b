"""Which certificates are trusted: the system's root certificates, as Python itself would."""

import ssl
from functools import cache
from pathlib import Path


@cache
def trusting_the_system() -> ssl.SSLContext:
    """TLS that checks the server's certificate and name against the root certificates of this machine; made once for all.

    Where they are there as a folder by hash, as on Debian beside the one file, OpenSSL looks up the one that it needs; to read the
    file with all of them takes 20 ms of processor time. https://docs.openssl.org/3.0/man3/SSL_CTX_load_verify_locations/
    """
    paths = ssl.get_default_verify_paths()
    # Both are None where there is no such folder or file.
    by_hash = bool(paths.capath) and not _named(paths) and any(Path(paths.capath).glob("*.0"))
    context = ssl.create_default_context(capath=paths.capath) if by_hash else ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _named(paths: ssl.DefaultVerifyPaths) -> bool:
    """SSL_CERT_FILE names another file than the system's: then that is what counts."""
    usual = Path(paths.openssl_cafile)
    return bool(paths.cafile) and not (usual.exists() and usual.samefile(paths.cafile))
