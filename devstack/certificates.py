"""Certificates for servers on this machine, and the environment in which a process trusts them beside all that it trusts anyway."""

import datetime
import hashlib
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_ROOT = "entente on this machine"
_HERE = ipaddress.IPv4Address("127.0.0.1")
_DAYS = datetime.timedelta(days=2)


class Certified:
    """A server called `name`, or 127.0.0.1, with a certificate by a root of its own. `folder` is empty, and holds the certificates afterwards."""

    def __init__(self, folder: Path, name: str = "localhost") -> None:
        root_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _signed(_ROOT, root_key, root_key, x509.BasicConstraints(ca=True, path_length=0))
        server = _signed(name, server_key, root_key, x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(_HERE)]))
        key = server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.root = folder / "root.pem"
        self.root.write_bytes(_pem(root))
        self._chain = folder / "server.pem"
        self._chain.write_bytes(key + _pem(server))
        self._folder = folder

    def context(self) -> ssl.SSLContext:
        """TLS for the server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain)
        return context

    def trusted(self) -> dict[str, str]:
        """What to set so that the root is trusted, in the form in which this machine has its own: a folder by hash, or one file."""
        paths = ssl.get_default_verify_paths()
        usual = sorted(Path(paths.capath).glob("*.[0-9]")) if paths.capath else []
        if not usual:
            together = self._folder / "all.pem"
            together.write_bytes((Path(paths.cafile).read_bytes() if paths.cafile else b"") + self.root.read_bytes())
            return {"SSL_CERT_FILE": str(together)}
        by_hash = self._folder / "by-hash"
        by_hash.mkdir()
        for path in usual:
            (by_hash / path.name).symlink_to(path.resolve())
        (by_hash / f"{_hash(_ROOT)}.0").symlink_to(self.root.resolve())
        return {"SSL_CERT_DIR": str(by_hash)}


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, root_key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
) -> x509.Certificate:
    now, of_root = datetime.datetime.now(datetime.UTC), key is root_key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_called(name))
        .issuer_name(_called(_ROOT))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAYS)
        .not_valid_after(now + _DAYS)
        .add_extension(extension, critical=of_root)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    if of_root:
        builder = builder.add_extension(_SIGNS, critical=True)
    return builder.sign(root_key, hashes.SHA256())


# Python checks strictly: a root has to say that it signs certificates. https://docs.python.org/3.13/library/ssl.html#ssl.VERIFY_X509_STRICT
_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _hash(name: str) -> str:
    """What OpenSSL calls the file of the root by this (lower-case) common name. https://docs.openssl.org/3.0/man3/X509_NAME_hash/"""
    said = b"\x0c" + bytes([len(name)]) + name.encode()
    pair = b"\x06\x03\x55\x04\x03" + said
    for tag in (b"\x30", b"\x31"):
        pair = tag + bytes([len(pair)]) + pair
    return f"{int.from_bytes(hashlib.sha1(pair, usedforsecurity=False).digest()[:4], 'little'):08x}"
